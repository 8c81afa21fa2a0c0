//! What the projector says of itself to whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use schemas::id::LogId;
use schemas::time::Clock;

/// How the projector is doing, as its threads set it and readers look at it.
#[derive(Debug)]
pub struct SharedStatus {
    log: LogId,
    partitions_total: u32,
    clock: Clock,
    caught_up: AtomicBool,
    complete_to_ms: AtomicI64,
    started: Instant,
    /// When the log last answered, in microseconds after the start.
    heard_us: AtomicU64,
    building: ArcSwapOption<Building>,
}

/// How far an index that is being built has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Building {
    pub records_read: u64,
    /// How many it has to read before it answers.
    pub records: u64,
}

impl SharedStatus {
    /// `partitions_total` is the log's number of partitions, not how many of them are read.
    pub fn new(log: LogId, partitions_total: u32, clock: Clock) -> Self {
        Self {
            log,
            partitions_total,
            clock,
            caught_up: AtomicBool::new(false),
            complete_to_ms: AtomicI64::new(i64::MIN),
            started: Instant::now(),
            heard_us: AtomicU64::new(0),
            building: ArcSwapOption::empty(),
        }
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

    /// Everything that the log took before this instant, in milliseconds since 1970, is in what readers see from now
    /// on.
    pub fn set_complete_to_ms(&self, instant_ms: i64) {
        self.complete_to_ms.fetch_max(instant_ms, Ordering::AcqRel);
    }

    /// To be asked before a snapshot is taken, so that the snapshot is not older than the answer.
    pub(crate) fn complete_to_ms(&self) -> i64 {
        self.complete_to_ms.load(Ordering::Acquire)
    }

    /// How long ago this instant was.
    pub(crate) fn lag_ms_since(&self, instant_ms: i64) -> u64 {
        u64::try_from(self.clock.now().date().0.saturating_sub(instant_ms)).unwrap_or(0)
    }

    /// How far what readers see is behind the end of the log: what the log took longer ago is in it. Grows as long as the
    /// log can't be asked where it ends.
    pub fn lag_ms(&self) -> u64 {
        self.lag_ms_since(self.complete_to_ms())
    }

    pub(crate) fn set_log_heard(&self) {
        let now_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.heard_us.store(now_us, Ordering::Relaxed);
    }

    /// How long the log has not answered.
    pub fn log_silent(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_micros(self.heard_us.load(Ordering::Relaxed)))
    }

    /// How far the index is that is being built and answers nothing yet; none when it answers.
    pub fn building(&self) -> Option<Building> {
        self.building.load().as_deref().copied()
    }

    pub(crate) fn set_building(&self, building: Option<Building>) {
        self.building.store(building.map(Arc::new));
    }
}
