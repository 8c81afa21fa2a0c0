//! Index, counters and log compared, call by call, in bounded memory.
//!
//! The log is folded again, event by event and without the index, partition by partition and, where a
//! partition's calls are too many to hold, in several passes over it, each for the calls whose keys' hashes
//! begin alike.

mod bucket;
mod index_side;
mod log_side;

use std::path::Path;

use event_log::{EventLog, ReadLogError, Topic};
use schemas::id::{CallKey, LogId, Partition};
use schemas::positions::{Offset, Positions};
use tantivy::TantivyError;

use self::bucket::Bucket;
use self::index_side::compare_with_index;
use self::log_side::{CounterSums, LogPass};
use crate::checkpoint::UnusablePayload;
use crate::checksums::{self, DamagedFile};
use crate::index::schema::CallFields;
use crate::snapshot::{CounterKey, Snapshot};
use crate::writer::folder::{Check, OpenIndexError, UnusableIndex, open};
use crate::writer::stored::StoredStateError;

/// Memory for the states of one pass, in bytes. What else a comparison holds is less than as much again: what was read
/// and is not folded yet, the keys of a segment's documents, and what the allocator leaves between.
const PASS_BYTES: usize = 128 * 1024 * 1024;
/// Differences and records that a report names; it counts all.
const NAMED: usize = 100;

/// What was compared and what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// How far the index has read the log, and so how far it was compared.
    pub positions: Positions,
    /// Records of the log up to these positions.
    pub records: u64,
    /// Calls that the log has, erased ones and those known by annotations only among them.
    pub calls: u64,
    /// Records that can't be applied by this build.
    pub passed_over: u64,
    /// The first of them.
    pub passed_over_records: Vec<PassedOverRecord>,
    pub differences_total: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
}

/// A record of the log that has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOverRecord {
    pub partition: Partition,
    pub offset: Offset,
    pub reason: String,
}

/// How index and log differ.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    #[error("the call {} of the project {} is in the log and not in the index", .0.call, .0.project)]
    NotInIndex(CallKey),
    #[error("the call {} of the project {} is in the index and not in the log", .0.call, .0.project)]
    NotInLog(CallKey),
    #[error("the call {} of the project {} is in the index more than once", .0.call, .0.project)]
    Twice(CallKey),
    #[error("the call {} of the project {} has another state in the index than in the log", .0.call, .0.project)]
    OtherState(CallKey),
    #[error("the index has {0} documents that are of no call of its partitions")]
    Strays(u64),
    #[error("the counter of project {}, day {} since 1970, model {:?} and status {:?} is not the sum of its calls", .0.project, .0.day, .0.model, .0.status)]
    Counter(CounterKey),
    #[error("partition {partition} has {in_log} records that can't be applied, and the index has counted {counted}")]
    PassedOver { partition: Partition, in_log: u64, counted: u64 },
    #[error(transparent)]
    File(#[from] DamagedFile),
}

/// Why index and log can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("there is no index in the folder")]
    NoIndex,
    #[error("the index can't be opened")]
    Open(#[from] OpenIndexError),
    #[error("the index can't be read")]
    Index(#[from] TantivyError),
    #[error("a document of the index has no readable state")]
    State,
    #[error("it was stopped")]
    Stopped,
    #[error("the log can't be read")]
    Log(#[from] ReadLogError),
    #[error("the log gives nothing more of partition {partition}, from {offset} on, which the index has read")]
    Stuck { partition: Partition, offset: Offset },
}

impl From<StoredStateError> for VerifyError {
    fn from(error: StoredStateError) -> Self {
        match error {
            StoredStateError::Index(error) => Self::Index(error),
            StoredStateError::Unreadable(_) | StoredStateError::Missing => Self::State,
        }
    }
}

impl VerifyReport {
    /// Of nothing yet.
    pub fn new(positions: Positions) -> Self {
        Self {
            positions,
            records: 0,
            calls: 0,
            passed_over: 0,
            passed_over_records: Vec::new(),
            differences_total: 0,
            differences: Vec::new(),
        }
    }

    fn differs(&mut self, difference: Difference) {
        self.differences_total += 1;
        if self.differences.len() < NAMED {
            self.differences.push(difference);
        }
    }

    /// Whether index, counters and log say the same.
    pub fn is_clean(&self) -> bool {
        self.differences_total == 0
    }
}

/// Compares the index of a folder that no projector runs on with the log that it is of. Blocks.
pub fn verify_folder(folder: &Path, log: &dyn EventLog, log_id: LogId) -> Result<VerifyReport, VerifyError> {
    let fields = CallFields::new();
    let opened = match open(folder, &fields, Check::Newest) {
        Ok(Some(opened)) => opened,
        // Made and not yet committed: as good as none.
        Ok(None) | Err(OpenIndexError::Unusable(UnusableIndex::Payload(UnusablePayload::Missing))) => {
            return Err(VerifyError::NoIndex);
        }
        Err(error) => return Err(error.into()),
    };
    if opened.checkpoint.log != log_id {
        return Err(OpenIndexError::Unusable(UnusableIndex::OtherLog(opened.checkpoint.log)).into());
    }
    verify(&Snapshot::of(opened.reader.searcher(), &fields, opened.checkpoint, None)?, log)
}

/// Compares what readers see with the log, up to the snapshot's positions. Blocks; projector and readers go on.
pub fn verify(snapshot: &Snapshot, log: &dyn EventLog) -> Result<VerifyReport, VerifyError> {
    verify_until(snapshot, log, &|| false)
}

/// The same, unless somebody wants it to stop.
pub(crate) fn verify_until(
    snapshot: &Snapshot,
    log: &dyn EventLog,
    is_stopped: &dyn Fn() -> bool,
) -> Result<VerifyReport, VerifyError> {
    verify_within(snapshot, log, PASS_BYTES, is_stopped)
}

fn verify_within(
    snapshot: &Snapshot,
    log: &dyn EventLog,
    pass_bytes: usize,
    is_stopped: &dyn Fn() -> bool,
) -> Result<VerifyReport, VerifyError> {
    let checkpoint = snapshot.checkpoint();
    let mut report = VerifyReport::new(checkpoint.positions());
    let index = snapshot.searcher().index();
    for file in checksums::files(index)? {
        if let (_, Some(damage)) = checksums::check(index, &file)? {
            report.differs(Difference::File(damage));
        }
    }
    let mut sums = CounterSums::default();
    let mut documents = 0;
    for (partition, read) in &checkpoint.partitions {
        let before = report.passed_over;
        let mut waiting = vec![Bucket::ALL];
        let mut is_first = true;
        while let Some(bucket) = waiting.pop() {
            let pass = LogPass { log, partition: *partition, to: read.next, pass_bytes, is_stopped };
            let report_records = is_first.then_some(&mut report);
            let (bucket, mut calls) = pass.fold(bucket, &mut waiting, report_records)?;
            is_first = false;
            report.calls += calls.len() as u64;
            sums.add(&calls)?;
            let total = log.partitions(Topic::Calls);
            documents += compare_with_index(snapshot, (*partition, total), bucket, &mut calls, &mut report)?;
        }
        let in_log = report.passed_over - before;
        if in_log != read.passed_over {
            report.differs(Difference::PassedOver { partition: *partition, in_log, counted: read.passed_over });
        }
    }
    let strays = snapshot.searcher().num_docs().saturating_sub(documents);
    if strays > 0 {
        report.differs(Difference::Strays(strays));
    }
    for key in sums.differing(snapshot.counters()) {
        report.differs(Difference::Counter(key));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::time::Duration;

    use event_log::{EmbeddedLog, EmbeddedOptions, NewRecord};
    use schemas::id::{ProjectId, home_partition};
    use schemas::time::Clock;
    use testkit::{Generator, wait_until};
    use uuid::Uuid;

    use super::*;
    use crate::projector::{Projector, ProjectorOptions};

    #[test]
    fn many_small_passes_find_what_one_finds() {
        let folder = tempfile::tempdir().expect("a folder");
        let partitions = NonZeroU32::new(2).expect("not zero");
        let options = EmbeddedOptions { partitions: partitions.get(), clock: Clock::system() };
        let log = Arc::new(EmbeddedLog::open(&folder.path().join("log"), options).expect("a log"));
        let records = Generator::new(9).histories(ProjectId(Uuid::nil()), 150).into_iter().map(|event| NewRecord {
            partition: home_partition(event.key.call, partitions),
            key: bytes::Bytes::new(),
            value: Some(event.encode().into()),
            headers: Vec::new(),
        });
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let positions = runtime.block_on(log.append(Topic::Calls, records.collect())).expect("appended");
        let mut ends = BTreeMap::new();
        for position in positions {
            ends.insert(position.partition, position.offset + 1);
        }
        let options =
            ProjectorOptions { folder: folder.path().join("index"), partitions: None, clock: Clock::system() };
        let projector = Projector::start(options, Arc::clone(&log) as _, LogId(Uuid::nil())).expect("a projector");
        let has_all = || projector.snapshot().is_some_and(|snapshot| snapshot.checkpoint().has_passed(&ends));
        wait_until("the index has all", Duration::from_mins(1), has_all);
        let snapshot = projector.snapshot().expect("waited for");
        let whole = verify(&snapshot, &*log).expect("comparable");
        assert!(whole.calls > 100 && whole.is_clean());
        assert_eq!(verify_within(&snapshot, &*log, 8 * 1024, &|| false).expect("comparable"), whole);
        projector.stop();
    }
}
