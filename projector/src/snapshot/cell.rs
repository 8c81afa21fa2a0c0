//! Where the projector puts a snapshot and readers take it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use schemas::access::ReadScope;
use schemas::id::Partition;
use schemas::positions::Offset;
use schemas::reader::ReadError;
use tokio::time::{Instant, timeout_at};

use super::Snapshot;
use super::replaced::Replaced;
use super::waiting::WaitingReads;
use crate::damage_checks::DamageChecks;

/// The snapshot that reads are answered from.
#[derive(Debug)]
pub struct SnapshotCell {
    served: ArcSwap<Served>,
    replaced: Replaced<Snapshot>,
    waiting: WaitingReads,
    checks: DamageChecks,
}

/// What a read finds.
#[derive(Debug)]
pub(crate) enum Served {
    Snapshot(Arc<Snapshot>),
    /// These partitions are not served now.
    Nothing(BTreeSet<Partition>),
}

impl SnapshotCell {
    /// Serves nothing until the first snapshot is published. Fails when there can be no thread for those replaced.
    pub fn new(partitions: BTreeSet<Partition>) -> io::Result<Self> {
        Ok(Self {
            served: ArcSwap::from_pointee(Served::Nothing(partitions)),
            replaced: Replaced::new()?,
            waiting: WaitingReads::default(),
            checks: DamageChecks::default(),
        })
    }

    /// Every read that starts from now on is answered from this snapshot, and every one that waits for it.
    pub fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.serve(Served::Snapshot(Arc::clone(&snapshot)));
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
        self.serve(Served::Nothing(partitions));
        self.waiting.wake(|_| true);
    }

    fn serve(&self, served: Served) {
        if let Served::Snapshot(before) = &*self.served.swap(Arc::new(served)) {
            self.replaced.keep(Arc::clone(before));
        }
    }

    /// The checks of the index that snapshots are read from.
    pub(crate) fn checks(&self) -> &DamageChecks {
        &self.checks
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
