//! A projector's process, a step at a time: the log in memory, the index in memory, and the real writer, projector and
//! API between them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use event_log::{
    AppendError, Bounds, EventLog, LogReader, LogRecord, NewRecord, Position, ReadBatch, ReadLogError, Topic,
};
use schemas::event::CallEvent;
use schemas::fold::{CallState, FOLD_VERSION};
use schemas::id::{CallKey, LogId, Partition, home_partition};
use schemas::positions::Offset;
use schemas::time::Clock;
use testkit::oracle::{Event, Ledger, compare};
use tokio::sync::watch;
use uuid::Uuid;

use super::Full;
use super::api::{Api, RUNTIME};
use super::crash::found_after_a_crash_at;
use crate::checkpoint::Checkpoint;
use crate::index::schema::CallFields;
use crate::projector::freshness::{Freshness, SeenEnds};
use crate::projector::log_lines::PassedOverLines;
use crate::projector::run::ProjectorThread;
use crate::projector::stop::Backoff;
use crate::reader::IndexReader;
use crate::snapshot::{SharedStatus, SnapshotCell};
use crate::step::Step;
use crate::writer::CallWriter;
use crate::writer::batch::{FoldedBatch, value_hash};
use crate::writer::failing_directory::FailingDirectory;
use crate::writer::folder::{Check, create_in, open_in};
use crate::writer::stored::stored_state;

pub(super) const PARTITIONS: NonZeroU32 = NonZeroU32::new(3).expect("not zero");
/// Why there is a writer.
const ALWAYS: &str = "there is always one between two happenings";
const LOG: LogId = LogId(Uuid::from_u128(0x99));

pub(super) struct Process {
    log: Vec<(Arc<Event>, LogRecord)>,
    directory: FailingDirectory,
    /// None while one makes place for the next, no longer.
    writer: Option<CallWriter>,
    thread: ProjectorThread,
    freshness: Freshness,
    api: Api,
}

impl Process {
    pub(super) fn new() -> Self {
        let cell = Arc::new(SnapshotCell::new((0..PARTITIONS.get()).collect()).expect("a thread"));
        let status = Arc::new(SharedStatus::new(LOG, PARTITIONS.get(), Clock::system()));
        let reader = IndexReader::new(Arc::clone(&cell), Arc::clone(&status)).expect("threads");
        let api = Api::over(Arc::new(reader));
        let (failure, _) = watch::channel(None);
        let thread = ProjectorThread {
            folder: "nowhere".into(),
            log: Arc::new(NoLog),
            log_id: LOG,
            partitions: (0..PARTITIONS.get()).collect(),
            partitions_total: PARTITIONS,
            clock: Clock::system(),
            fields: Arc::new(CallFields::new()),
            cell,
            status,
            stop: Arc::default(),
            failure,
            seen_at_start: None,
            check: Check::Newest,
            has_panicked: false,
            backoff: Backoff::new(),
            passed_over: PassedOverLines::default(),
        };
        let mut process = Self {
            log: Vec::new(),
            directory: FailingDirectory::default(),
            writer: None,
            thread,
            freshness: Freshness::new(SeenEnds { as_of_ms: 0, ends: BTreeMap::new() }),
            api,
        };
        process.rebuild();
        process
    }

    fn writer(&mut self) -> &mut CallWriter {
        self.writer.as_mut().expect(ALWAYS)
    }

    fn ends(&self) -> BTreeMap<Partition, Offset> {
        let positions = self.log.iter().map(|(_, record)| record.position);
        positions.map(|position| (position.partition, position.offset + 1)).collect()
    }

    pub(super) fn append(&mut self, event: Arc<Event>) {
        let sent = CallEvent::decode(event.json().to_string().as_bytes()).expect("a complete event");
        let partition = home_partition(sent.key.call, PARTITIONS);
        let offset = self.ends().get(&partition).copied().unwrap_or_default();
        let record = LogRecord {
            position: Position { partition, offset },
            timestamp_ms: 0,
            key: bytes::Bytes::new(),
            value: Some(sent.encode().into()),
            headers: Vec::new(),
        };
        self.log.push((event, record));
    }

    /// Brings the next records into the writer.
    pub(super) fn read(&mut self, most: usize, of: Option<Partition>) {
        let next = self.writer().checkpoint().next();
        let is_next = |position: Position| next.get(&position.partition) <= Some(&position.offset);
        let is_asked = |position: Position| of.is_none_or(|partition| partition == position.partition);
        let records = self.log.iter().map(|(_, record)| record);
        let records = records.filter(|record| is_next(record.position) && is_asked(record.position));
        let records: Vec<LogRecord> = records.take(most).cloned().collect();
        let next = records.iter().map(|record| (record.position.partition, record.position.offset + 1)).collect();
        let batch = FoldedBatch::of(ReadBatch { records, next }, PARTITIONS);
        let writer = self.writer.as_mut().expect(ALWAYS);
        self.thread.apply(writer, batch).expect("memory takes every document");
    }

    pub(super) fn commit(&mut self) {
        self.thread.commit(self.writer.as_mut().expect(ALWAYS), &mut self.freshness).expect("memory takes every file");
    }

    pub(super) fn merge(&mut self) {
        self.commit();
        self.writer().merge_all();
    }

    pub(super) fn go_on_with(&mut self, threads: usize) {
        self.commit();
        let writer = self.writer.take().expect(ALWAYS);
        self.writer = Some(writer.with_threads(threads).expect("it was open just now"));
    }

    /// A commit fails; the session begins again on what the disk has by then, the last snapshot still serving.
    pub(super) fn meet_a_full_disk(&mut self, full: Full) {
        let is_full = match full {
            Full::Files => Arc::clone(&self.directory.no_files),
            Full::List => Arc::clone(&self.directory.no_meta),
        };
        is_full.store(true, Ordering::SeqCst);
        let writer = self.writer.as_mut().expect(ALWAYS);
        let committed = self.thread.commit(writer, &mut self.freshness);
        is_full.store(false, Ordering::SeqCst);
        if committed.is_err() && matches!(full, Full::List) {
            self.writer().merge_all();
        }
        self.open();
    }

    pub(super) fn crash(&mut self) {
        self.die_leaving(self.directory.after_a_crash());
    }

    pub(super) fn crash_at(&mut self, step: Step) {
        let directory = self.directory.clone();
        let found = found_after_a_crash_at(step, &directory, || self.commit());
        // A projector that builds its index publishes nothing, so that it does not get to these steps.
        let found = found.unwrap_or_else(|| directory.after_a_crash());
        self.die_leaving(found);
    }

    pub(super) fn crash_after(&mut self, changes: usize) {
        self.directory.crash_after(changes);
        self.commit();
        let found = self.directory.found().unwrap_or_else(|| self.directory.after_a_crash());
        self.die_leaving(found);
    }

    /// Another process finds this.
    fn die_leaving(&mut self, found: FailingDirectory) {
        self.thread.cell.set_unavailable((0..PARTITIONS.get()).collect());
        self.directory = found;
        self.open();
    }

    fn open(&mut self) {
        self.writer = None;
        let opened = open_in(self.directory.clone(), &self.thread.fields).expect("an index");
        let writer = CallWriter::new(opened, Arc::clone(&self.thread.fields), 1).expect("a writer");
        self.freshness = Freshness::new(SeenEnds { as_of_ms: 0, ends: BTreeMap::new() });
        self.thread.publish(&writer, &mut self.freshness).expect("a snapshot");
        self.writer = Some(writer);
    }

    /// A new index, which answers nothing before it has read all that there is now.
    pub(super) fn rebuild(&mut self) {
        self.writer = None;
        self.thread.cell.set_unavailable((0..PARTITIONS.get()).collect());
        self.directory = FailingDirectory::default();
        let wanted = Checkpoint::new(LOG, FOLD_VERSION, 0..PARTITIONS.get());
        let opened = create_in(self.directory.clone(), &self.thread.fields, &wanted).expect("a new index");
        let mut writer = CallWriter::new(opened, Arc::clone(&self.thread.fields), 1).expect("a writer");
        writer.set_building_to(self.ends());
        writer.commit().expect("memory takes every file");
        self.thread.publish(&writer, &mut self.freshness).expect("a snapshot");
        self.writer = Some(writer);
    }

    /// Every answer has to follow from just the records before the positions of the snapshot.
    pub(super) fn check(&self) {
        let snapshot = self.thread.cell.current();
        let checkpoint = self.writer.as_ref().expect(ALWAYS).checkpoint();
        assert!(checkpoint.building_to.is_empty() || snapshot.is_none(), "an index answers while it is being built");
        let Some(snapshot) = snapshot else { return };
        let next = snapshot.checkpoint().next();
        let mut ledger = Ledger::default();
        for (event, record) in &self.log {
            let attempt = ledger.sending(event);
            let Position { partition, offset } = record.position;
            if next.get(&partition).is_some_and(|next| offset < *next) {
                ledger.acknowledged(attempt, Some((partition, offset)));
            } else {
                ledger.refused(attempt);
            }
        }
        let differences = RUNTIME.block_on(compare(&mut ledger, &self.api.tenants)).expect("it answers");
        assert_eq!(differences, [], "at the positions {next:?}");
    }

    /// The index holds the fold of the whole log, byte for byte.
    pub(super) fn check_stored(&mut self) {
        let mut states: BTreeMap<CallKey, CallState> = BTreeMap::new();
        for (_, record) in &self.log {
            let value = record.value.as_deref().unwrap_or_default();
            let event = CallEvent::decode(value).expect("a complete event");
            let (key, state) = (event.key, CallState::of(event, value_hash(value)));
            match states.get_mut(&key) {
                None => drop(states.insert(key, state)),
                Some(known) => drop(known.merge(state)),
            }
        }
        let fields = Arc::clone(&self.thread.fields);
        let searcher = self.writer().committed().clone();
        assert_eq!(searcher.num_docs(), states.len() as u64);
        for (key, state) in states {
            let stored = stored_state(&searcher, &fields, key).expect("readable");
            assert_eq!(stored.map(|stored| stored.encode()), Some(state.encode()));
        }
    }
}

/// Where the projector's thread would read; here each step brings its records along.
#[derive(Debug)]
struct NoLog;

const NOBODY: &str = "the records are brought along";

#[async_trait]
impl EventLog for NoLog {
    fn partitions(&self, _: Topic) -> u32 {
        PARTITIONS.get()
    }

    async fn append(&self, _: Topic, _: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        Err(AppendError::Refused { reason: NOBODY.to_owned() })
    }

    async fn bounds(&self, _: Topic, _: Partition) -> Result<Bounds, ReadLogError> {
        Err(ReadLogError::Unavailable { reason: NOBODY.to_owned() })
    }

    fn reader(&self, _: Topic, _: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
        Err(ReadLogError::Unavailable { reason: NOBODY.to_owned() })
    }
}
