//! An index in memory with a reader over it, and the same calls as plain rows.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use projector::IndexReader;
use projector::checkpoint::Checkpoint;
use projector::index::document::{CallDocument, key_term};
use projector::index::schema::CallFields;
use projector::index::words::register_words;
use projector::snapshot::{SharedStatus, Snapshot, SnapshotCell};
use schemas::access::ReadScope;
use schemas::event::{CallData, CallEvent, CallEventType};
use schemas::fold::{CallState, FOLD_VERSION};
use schemas::id::{CallId, CallKey, LogId, Partition, ProjectId, home_partition};
use schemas::model::{Column, ColumnSet};
use schemas::query::{Filter, SortKey};
use schemas::reader::{
    Answer, CallReader, CountRequest, GetRequest, ListPage, ListRequest, ReadContext, ReadError, StatsRequest,
};
use schemas::row::Row;
use schemas::stats::{GroupBy, StatsPage};
use schemas::time::{Clock, Date, Timestamp};
use schemas::value::Value;
use tantivy::indexer::NoMergePolicy;
use tantivy::{Index, IndexWriter};
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(super) const PARTITIONS: u32 = 4;
pub(super) const FIRST: ProjectId = ProjectId(Uuid::from_u128(0x1111));
pub(super) const SECOND: ProjectId = ProjectId(Uuid::from_u128(0x2222));

pub(super) struct World {
    partitions: BTreeSet<Partition>,
    index: Index,
    fields: CallFields,
    writer: IndexWriter<CallDocument>,
    pub(super) states: BTreeMap<CallKey, CallState>,
    pub(super) cell: Arc<SnapshotCell>,
    pub(super) status: Arc<SharedStatus>,
    pub(super) reader: Arc<IndexReader>,
    events: u64,
    commits: u64,
    runtime: tokio::runtime::Runtime,
}

/// The instant at which the tests read, in milliseconds.
pub(super) const NOW_MS: i64 = 1_700_000_000_000;

fn clock() -> Clock {
    Clock::new(|| Timestamp::from_millis(NOW_MS))
}

/// An event of a call at an instant, in milliseconds, with these claims.
pub(super) fn event(
    event_type: CallEventType,
    project: ProjectId,
    call: u128,
    at: i64,
    claims: impl IntoIterator<Item = (Column, Value)>,
) -> CallEvent {
    let mut data = CallData::default();
    data.created_at = Some(Date(at));
    for (column, value) in claims {
        data.claim(column, value);
    }
    CallEvent {
        id: "event".into(),
        source: "test".into(),
        event_type,
        key: CallKey { project, call: CallId(Uuid::from_u128(call)) },
        time: Timestamp::from_millis(at),
        extensions: Vec::new(),
        data,
    }
}

/// A whole call of the first project.
pub(super) fn call(call: u128, at: i64, claims: impl IntoIterator<Item = (Column, Value)>) -> CallEvent {
    let claims = claims.into_iter().chain([(Column::Feature, Value::text("tests"))]);
    event(CallEventType::Completed, FIRST, call, at, claims)
}

pub(super) fn partition(call: CallId) -> Partition {
    home_partition(call, NonZeroU32::new(PARTITIONS).expect("not zero"))
}

pub(super) fn all_columns() -> ColumnSet {
    Column::ALL.into_iter().filter(|column| column.relation().is_none()).collect()
}

impl World {
    pub(super) fn new() -> Self {
        Self::of_partitions(0..PARTITIONS)
    }

    /// A world that takes the events of these partitions only.
    pub(super) fn of_partitions(partitions: impl IntoIterator<Item = Partition>) -> Self {
        let partitions = BTreeSet::from_iter(partitions);
        let fields = CallFields::new();
        let index = Index::create_in_ram(fields.schema.clone());
        register_words(&index);
        let writer = index.writer_with_num_threads(1, 20_000_000).expect("a writer");
        writer.set_merge_policy(Box::new(NoMergePolicy));
        let cell = Arc::new(SnapshotCell::new(partitions.clone()).expect("a thread"));
        let status = Arc::new(SharedStatus::new(LogId(Uuid::from_u128(1)), PARTITIONS, clock()));
        let reader = Arc::new(IndexReader::new(Arc::clone(&cell), Arc::clone(&status)).expect("threads"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            partitions,
            index,
            fields,
            writer,
            states: BTreeMap::new(),
            cell,
            status,
            reader,
            events: 0,
            commits: 0,
            runtime: runtime.expect("a runtime"),
        }
    }

    /// Folds an event into its call and writes the call.
    pub(super) fn apply(&mut self, event: CallEvent) {
        self.events += 1;
        let key = event.key;
        if !self.partitions.contains(&partition(key.call)) {
            return;
        }
        let new = CallState::of(event, u128::from(self.events));
        let state = match self.states.remove(&key) {
            None => new,
            Some(mut state) => {
                state.merge(new);
                state
            }
        };
        self.writer.delete_term(key_term(&self.fields, key));
        let document = CallDocument::new(&self.fields, key, partition(key.call), Arc::new(state.clone()));
        self.writer.add_document(document).expect("added");
        self.states.insert(key, state);
    }

    /// Commits and serves what was written, as one more segment.
    pub(super) fn commit(&mut self) {
        self.commits += 1;
        self.writer.commit().expect("committed");
        self.publish();
    }

    /// Makes one segment of all.
    pub(super) fn merge(&mut self) {
        let segments = self.index.searchable_segment_ids().expect("segments");
        if segments.len() > 1 {
            self.writer.merge(&segments).wait().expect("merged");
        }
        self.publish();
    }

    fn publish(&self) {
        let previous = self.cell.current();
        self.cell.publish(self.snapshot(previous.as_ref()));
    }

    /// A snapshot that takes nothing over from an earlier one.
    pub(super) fn fresh_snapshot(&self) -> Snapshot {
        self.snapshot(None)
    }

    fn snapshot(&self, previous: Option<&Arc<Snapshot>>) -> Snapshot {
        let searcher = self.index.reader().expect("a reader").searcher();
        Snapshot::of(searcher, &self.fields, self.checkpoint(), previous).expect("a snapshot")
    }

    fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint::new(LogId(Uuid::from_u128(1)), FOLD_VERSION, self.partitions.clone());
        for at in checkpoint.partitions.values_mut() {
            at.next = self.commits;
        }
        checkpoint
    }

    /// The rows that a read of this scope may show.
    pub(super) fn rows(&self, scope: ReadScope) -> Vec<Row> {
        let visible = self.states.iter().filter(|(key, _)| scope.includes(key.project));
        let rows = visible.filter_map(|(key, state)| match state {
            CallState::Live(call) if call.is_visible() => Some(Row::of(*key, call, all_columns())),
            _ => None,
        });
        rows.collect()
    }

    pub(super) fn try_list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        self.runtime.block_on(self.reader.list(request))
    }

    pub(super) fn list(&self, request: ListRequest) -> ListPage {
        self.try_list(request).expect("a list").content
    }

    pub(super) fn try_count(&self, scope: ReadScope, filter: Filter) -> Result<Answer<u64>, ReadError> {
        self.runtime.block_on(self.reader.count(CountRequest { context: context(scope), filter }))
    }

    pub(super) fn count(&self, scope: ReadScope, filter: Filter) -> u64 {
        self.try_count(scope, filter).expect("a count").content
    }

    /// The last bytes of the ids of the first project's calls that match, newest first.
    pub(super) fn matching(&self, filter: Filter) -> Vec<u8> {
        let page = self.list(list_request(ReadScope::Project(FIRST), filter));
        page.rows.iter().map(|row| row.position.id.as_bytes()[15]).collect()
    }

    pub(super) fn get(&self, context: ReadContext, call: CallId) -> Result<Option<Row>, ReadError> {
        let request = GetRequest { context, call, columns: all_columns() };
        self.runtime.block_on(self.reader.get(request)).map(|answer| answer.content)
    }

    pub(super) fn stats(&self, request: StatsRequest) -> Result<StatsPage, ReadError> {
        self.runtime.block_on(self.reader.stats(request)).map(|answer| answer.content)
    }

    pub(super) fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime.spawn(future)
    }

    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

pub(super) fn context(scope: ReadScope) -> ReadContext {
    ReadContext { scope, partitions: None, wait_for: None, timeout: Duration::from_mins(1) }
}

pub(super) fn of_partitions(scope: ReadScope, partitions: impl IntoIterator<Item = Partition>) -> ReadContext {
    ReadContext { partitions: Some(BTreeSet::from_iter(partitions)), ..context(scope) }
}

pub(super) fn list_request(scope: ReadScope, filter: Filter) -> ListRequest {
    ListRequest {
        context: context(scope),
        filter,
        sort: SortKey::newest_first(),
        skip: 0,
        limit: 1000,
        after: None,
        columns: all_columns(),
        count: true,
        frequencies: None,
    }
}

pub(super) fn stats_request(scope: ReadScope, filter: Filter, group_by: &[GroupBy], percentiles: bool) -> StatsRequest {
    StatsRequest { context: context(scope), filter, group_by: group_by.to_vec(), percentiles, limit: None }
}
