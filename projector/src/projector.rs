//! The projector: reads the log and keeps the index, as threads of the process.

mod failure;
mod freshness;
#[cfg(test)]
mod histories;
mod log_check;
mod log_lines;
mod pace;
mod reading;
mod run;
mod session;
mod session_end;
pub(crate) mod stop;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use event_log::{EventLog, Topic};
use schemas::id::{LogId, Partition};
use schemas::reader::CallReader;
use schemas::time::Clock;
use tokio::sync::watch;

pub use self::failure::{MissingRecords, ProjectorFailure};
use self::log_lines::PassedOverLines;
use self::run::ProjectorThread;
use self::stop::{Backoff, Stop};
use crate::index::schema::CallFields;
use crate::reader::IndexReader;
use crate::snapshot::{SharedStatus, Snapshot, SnapshotCell};
use crate::writer::folder::Check;

/// What a projector is of.
#[derive(Debug, Clone)]
pub struct ProjectorOptions {
    /// The folder of the index, made when it is missing. The caller sees to it that one process has it.
    pub folder: PathBuf,
    /// The partitions to read; all when absent. Another list is another index.
    pub partitions: Option<BTreeSet<Partition>>,
    /// For the lag, nothing else.
    pub clock: Clock,
}

/// Why a projector can't be started. What goes wrong with index and log later is retried, or is a
/// [`ProjectorFailure`].
#[derive(Debug, thiserror::Error)]
pub enum StartProjectorError {
    #[error("the log has {total} partitions, and partition {partition} is none of them")]
    UnknownPartition { partition: Partition, total: u32 },
    #[error("a projector needs at least one partition")]
    NoPartitions,
    #[error("the projector's thread can't be started")]
    Thread(#[source] std::io::Error),
}

/// A running projector. Dropping it stops it too, without waiting.
#[derive(Debug)]
pub struct Projector {
    reader: Arc<IndexReader>,
    cell: Arc<SnapshotCell>,
    status: Arc<SharedStatus>,
    stop: Arc<Stop>,
    failure: watch::Receiver<Option<ProjectorFailure>>,
    threads: Vec<JoinHandle<()>>,
}

impl Projector {
    /// Starts to read. Reads are answered, with their partitions as unavailable, even before the index is open.
    pub fn start(
        options: ProjectorOptions,
        log: Arc<dyn EventLog>,
        log_id: LogId,
    ) -> Result<Self, StartProjectorError> {
        let total = log.partitions(Topic::Calls);
        let partitions_total = NonZeroU32::new(total).ok_or(StartProjectorError::NoPartitions)?;
        let partitions = options.partitions.unwrap_or_else(|| (0..total).collect());
        if partitions.is_empty() {
            return Err(StartProjectorError::NoPartitions);
        }
        if let Some(partition) = partitions.iter().find(|partition| **partition >= total) {
            return Err(StartProjectorError::UnknownPartition { partition: *partition, total });
        }
        let cell = Arc::new(SnapshotCell::new(partitions.clone()).map_err(StartProjectorError::Thread)?);
        let status = Arc::new(SharedStatus::new(log_id, total, options.clock.clone()));
        let reader = IndexReader::new(Arc::clone(&cell), Arc::clone(&status)).map_err(StartProjectorError::Thread)?;
        let stop = Arc::new(Stop::default());
        let (failure, failed) = watch::channel(None);
        let compared_log = Arc::clone(&log);
        let thread = ProjectorThread {
            folder: options.folder,
            log,
            log_id,
            partitions: partitions.into_iter().collect(),
            partitions_total,
            clock: options.clock,
            fields: Arc::new(CallFields::new()),
            cell: Arc::clone(&cell),
            status: Arc::clone(&status),
            stop: Arc::clone(&stop),
            failure,
            seen_at_start: None,
            check: Check::Newest,
            has_panicked: false,
            backoff: Backoff::new(),
            passed_over: PassedOverLines::default(),
        };
        let thread = std::thread::Builder::new()
            .name("projector-write".into())
            .spawn(move || thread.run())
            .map_err(StartProjectorError::Thread)?;
        let checked = Arc::clone(&cell);
        let check_thread = std::thread::Builder::new()
            .name("projector-check".into())
            .spawn(move || checked.checks().run(&checked, &*compared_log))
            .map_err(StartProjectorError::Thread)?;
        let threads = vec![thread, check_thread];
        Ok(Self { reader: Arc::new(reader), cell, status, stop, failure: failed, threads })
    }

    /// Answers reads from the last snapshot, as long as anybody holds it.
    pub fn reader(&self) -> Arc<dyn CallReader> {
        Arc::clone(&self.reader) as Arc<dyn CallReader>
    }

    /// The log, whether it has caught up, and its lag.
    pub fn status(&self) -> Arc<SharedStatus> {
        Arc::clone(&self.status)
    }

    /// What reads see now; none while no partition is served.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.cell.current()
    }

    /// Becomes what ended the projector for good. The last snapshot is still served.
    pub fn failure(&self) -> watch::Receiver<Option<ProjectorFailure>> {
        self.failure.clone()
    }

    /// Finishes the batch, commits and ends. Blocks until then, for seconds at most.
    pub fn stop(mut self) {
        self.tell_to_stop();
        for thread in std::mem::take(&mut self.threads) {
            if thread.join().is_err() {
                tracing::error!("a thread of the projector panicked");
            }
        }
    }

    fn tell_to_stop(&self) {
        self.stop.set();
        self.cell.checks().stop();
    }

    /// Looks now whether the index is damaged, and builds it anew if it is.
    pub fn suspect_damage(&self) {
        self.cell.checks().suspect();
    }

    /// How many times it was looked for damage and none was found.
    pub fn damage_checks(&self) -> u64 {
        self.cell.checks().checks()
    }
}

impl Drop for Projector {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}
