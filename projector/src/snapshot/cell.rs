//! Where the projector puts a snapshot and readers take it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use schemas::access::ReadScope;
use schemas::id::{LogId, Partition};
use schemas::positions::Offset;
use schemas::reader::ReadError;
use tokio::time::{Instant, timeout_at};

use super::Snapshot;
use super::waiting::WaitingReads;

/// The snapshot that reads are answered from.
#[derive(Debug)]
pub struct SnapshotCell {
    served: ArcSwap<Served>,
    waiting: WaitingReads,
}

/// What a read finds.
#[derive(Debug)]
pub(crate) enum Served {
    Snapshot(Arc<Snapshot>),
    /// These partitions are not served now.
    Nothing(BTreeSet<Partition>),
}

impl SnapshotCell {
    /// Serves nothing until the first snapshot is published.
    pub fn new(partitions: BTreeSet<Partition>) -> Self {
        Self { served: ArcSwap::from_pointee(Served::Nothing(partitions)), waiting: WaitingReads::default() }
    }

    /// Every read that starts from now on is answered from this snapshot, and every one that waits for it.
    pub fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.served.store(Arc::new(Served::Snapshot(Arc::clone(&snapshot))));
        self.waiting.wake(|wanted| snapshot.checkpoint().has_passed(wanted));
    }

    pub fn current(&self) -> Option<Arc<Snapshot>> {
        match &**self.served.load() {
            Served::Snapshot(snapshot) => Some(Arc::clone(snapshot)),
            Served::Nothing(_) => None,
        }
    }

    /// Takes the snapshot away: reads are answered with these partitions as unavailable until the next one.
    pub fn set_unavailable(&self, partitions: BTreeSet<Partition>) {
        self.served.store(Arc::new(Served::Nothing(partitions)));
        self.waiting.wake(|_| true);
    }

    pub(crate) fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// Waits until a snapshot has these positions, at most for this time.
    pub(crate) async fn reach(
        &self,
        scope: ReadScope,
        wanted: &BTreeMap<Partition, Offset>,
        patience: Duration,
    ) -> Result<(), ReadError> {
        let deadline = Instant::now() + patience;
        while !self.lacking(wanted)?.is_empty() {
            let is_needed = || Ok(!self.lacking(wanted)?.is_empty());
            let Some(place) = self.waiting.enter(scope, wanted, is_needed)? else { return Ok(()) };
            if timeout_at(deadline, place.woken()).await.is_err() {
                return Err(ReadError::Behind { partitions: self.lacking(wanted)? });
            }
        }
        Ok(())
    }

    pub(crate) fn waiting_reads(&self) -> usize {
        self.waiting.len()
    }

    /// The partitions in which the snapshot has not come as far as wanted.
    fn lacking(&self, wanted: &BTreeMap<Partition, Offset>) -> Result<BTreeSet<Partition>, ReadError> {
        let snapshot = match &**self.served.load() {
            Served::Snapshot(snapshot) => Arc::clone(snapshot),
            Served::Nothing(partitions) => {
                return Err(ReadError::Unavailable { partitions: partitions.clone() });
            }
        };
        let read = &snapshot.checkpoint().partitions;
        let unknown: BTreeSet<Partition> =
            wanted.keys().copied().filter(|partition| !read.contains_key(partition)).collect();
        if !unknown.is_empty() {
            return Err(ReadError::Unavailable { partitions: unknown });
        }
        let is_behind = |(partition, offset): &(&Partition, &Offset)| {
            read.get(partition).is_none_or(|checkpoint| checkpoint.next < **offset)
        };
        Ok(wanted.iter().filter(is_behind).map(|(partition, _)| *partition).collect())
    }
}

/// What the projector's loop says of itself to whoever asks.
#[derive(Debug)]
pub struct SharedStatus {
    log: LogId,
    partitions_total: u32,
    caught_up: AtomicBool,
    lag_ms: AtomicU64,
}

impl SharedStatus {
    /// `partitions_total` is the log's number of partitions, not how many of them are read.
    pub fn new(log: LogId, partitions_total: u32) -> Self {
        Self { log, partitions_total, caught_up: AtomicBool::new(false), lag_ms: AtomicU64::new(0) }
    }

    pub fn log(&self) -> LogId {
        self.log
    }

    pub fn partitions_total(&self) -> u32 {
        self.partitions_total
    }

    /// Whether everything that the log had at the start is in the published snapshot.
    pub fn caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Relaxed)
    }

    pub fn set_caught_up(&self, caught_up: bool) {
        self.caught_up.store(caught_up, Ordering::Relaxed);
    }

    /// How long the oldest record that is not read yet has been in the log.
    pub fn lag_ms(&self) -> u64 {
        self.lag_ms.load(Ordering::Relaxed)
    }

    pub fn set_lag_ms(&self, lag_ms: u64) {
        self.lag_ms.store(lag_ms, Ordering::Relaxed);
    }
}
