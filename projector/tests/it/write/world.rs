//! An embedded log in a folder of its own, a projector beside it, and the log folded by hand.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_log::{EmbeddedLog, EmbeddedOptions, EventLog, NewRecord, Topic};
use projector::snapshot::Snapshot;
use projector::{Projector, ProjectorFailure, ProjectorOptions, VerifyReport, verify, verify_folder};
use schemas::event::CallEvent;
use schemas::fold::CallState;
use schemas::id::{CallKey, LogId, Partition, ProjectId, home_partition};
use schemas::time::Clock;
use tantivy::TantivyDocument;
use tantivy::collector::DocSetCollector;
use tantivy::query::AllQuery;
use tantivy::schema::Value as _;
use tempfile::TempDir;
use testkit::wait_until;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

pub(super) const PARTITIONS: u32 = 4;
pub(super) const PROJECT: ProjectId = ProjectId(Uuid::from_u128(0x77));
pub(super) const LOG: LogId = LogId(Uuid::from_u128(0x99));
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

pub(super) struct World {
    pub(super) log: Arc<dyn EventLog>,
    clock: Clock,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    /// The log folded by hand.
    states: BTreeMap<CallKey, CallState>,
    ends: BTreeMap<Partition, u64>,
}

pub(super) fn home(event: &CallEvent) -> Partition {
    home_partition(event.key.call, NonZeroU32::new(PARTITIONS).expect("not zero"))
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    pub(super) fn with_clock(clock: Clock) -> Self {
        let folder = TempDir::new().expect("a folder");
        let options = EmbeddedOptions { partitions: PARTITIONS, clock: clock.clone() };
        let log = EmbeddedLog::open(&folder.path().join("log"), options).expect("a new log");
        Self { clock, ..Self::over(Arc::new(log), folder) }
    }

    pub(super) fn over(log: Arc<dyn EventLog>, folder: TempDir) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        Self { log, clock: Clock::system(), folder, runtime, states: BTreeMap::new(), ends: BTreeMap::new() }
    }

    pub(super) fn index_folder(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    /// Takes another log in place of the one so far, which stays known.
    pub(super) fn replace_log(&mut self, log: Arc<dyn EventLog>) {
        self.log = log;
    }

    /// Appends events where they belong.
    pub(super) fn append(&mut self, events: &[CallEvent]) {
        let values = events.iter().map(|event| (home(event), event.encode())).collect();
        self.append_values(values);
        for event in events {
            let hash = xxh3_128(&event.encode());
            let state = CallState::of(event.clone(), hash);
            match self.states.get_mut(&event.key) {
                None => {
                    self.states.insert(event.key, state);
                }
                Some(known) => {
                    known.merge(state);
                }
            }
        }
    }

    /// Appends values as they are, without any effect expected of them.
    pub(super) fn append_values(&mut self, values: Vec<(Partition, Vec<u8>)>) {
        let records: Vec<NewRecord> = values
            .into_iter()
            .map(|(partition, value)| NewRecord {
                partition,
                key: Bytes::new(),
                value: Some(value.into()),
                headers: Vec::new(),
            })
            .collect();
        let positions = self.runtime.block_on(self.log.append(Topic::Calls, records)).expect("appended");
        for position in positions {
            let end = self.ends.entry(position.partition).or_default();
            *end = (*end).max(position.offset + 1);
        }
    }

    pub(super) fn start(&self) -> Projector {
        self.start_of(LOG)
    }

    /// Of the log with this id, whatever the index is of.
    pub(super) fn start_of(&self, log: LogId) -> Projector {
        let options = ProjectorOptions { folder: self.index_folder(), partitions: None, clock: self.clock.clone() };
        Projector::start(options, Arc::clone(&self.log), log).expect("a projector")
    }

    /// Waits until readers see all that was appended.
    pub(super) fn wait(&self, projector: &Projector) -> Arc<Snapshot> {
        let mut seen = None;
        wait_until("the snapshot has all that was appended", DEADLINE, || {
            assert_eq!(*projector.failure().borrow(), None);
            seen = projector.snapshot().filter(|snapshot| snapshot.checkpoint().has_passed(&self.ends));
            seen.is_some()
        });
        seen.expect("waited for")
    }

    /// Waits until the projector has ended for good.
    pub(super) fn failure(projector: &Projector) -> ProjectorFailure {
        let failure = projector.failure();
        wait_until("the projector has stopped", DEADLINE, || failure.borrow().is_some());
        let failure = failure.borrow().clone();
        failure.expect("waited for")
    }

    /// Asserts that the snapshot holds the log's fold, byte for byte, and its counters the sums.
    #[track_caller]
    pub(super) fn assert_equal(&self, snapshot: &Snapshot) {
        let mut stored = stored_states(snapshot);
        let mut expected: Vec<Vec<u8>> = self.states.values().map(CallState::encode).collect();
        stored.sort_unstable();
        expected.sort_unstable();
        assert_eq!(stored.len(), expected.len());
        assert!(stored == expected, "the index has other states than the log");
        let report = verify(snapshot, &*self.log).expect("comparable");
        assert_eq!(report.differences, []);
        assert_eq!(report.calls, self.states.len() as u64);
        assert!(report.is_clean());
    }

    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(super) fn verify_folder(&self) -> VerifyReport {
        verify_folder(&self.index_folder(), &*self.log, LOG).expect("comparable")
    }
}

/// The stored states of all documents, in no order.
pub(super) fn stored_states(snapshot: &Snapshot) -> Vec<Vec<u8>> {
    let searcher = snapshot.searcher();
    let documents = searcher.search(&AllQuery, &DocSetCollector).expect("searchable");
    let state = |address| -> Vec<u8> {
        let document: TantivyDocument = searcher.doc(address).expect("stored");
        let bytes = document.get_first(snapshot.fields().state).and_then(|value| value.as_bytes());
        bytes.expect("a state").to_vec()
    };
    documents.into_iter().map(state).collect()
}
