//! Where the projector puts a snapshot and readers take it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use schemas::id::{LogId, Partition};

use super::Snapshot;

/// The snapshot that reads are answered from.
#[derive(Debug)]
pub struct SnapshotCell(ArcSwap<Served>);

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
        Self(ArcSwap::from_pointee(Served::Nothing(partitions)))
    }

    /// Every read that starts from now on is answered from this snapshot.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(Served::Snapshot(Arc::new(snapshot))));
    }

    pub fn current(&self) -> Option<Arc<Snapshot>> {
        match &**self.0.load() {
            Served::Snapshot(snapshot) => Some(Arc::clone(snapshot)),
            Served::Nothing(_) => None,
        }
    }

    /// Takes the snapshot away: reads are answered with these partitions as unavailable until the next one.
    pub fn set_unavailable(&self, partitions: BTreeSet<Partition>) {
        self.0.store(Arc::new(Served::Nothing(partitions)));
    }

    pub(crate) fn served(&self) -> Arc<Served> {
        self.0.load_full()
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
