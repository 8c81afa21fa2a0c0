//! What the projector says of itself to whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use schemas::id::LogId;
use schemas::time::Clock;

/// A log that answers is heard more often.
const LONG_SILENCE: Duration = Duration::from_secs(5);

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
    /// on. What was said before counts if it is later, unless the clock has been set back behind it.
    pub fn set_complete_to_ms(&self, instant_ms: i64) {
        let now_ms = self.clock.now().date().0;
        let later = |known: i64| Some(if known > now_ms { instant_ms } else { known.max(instant_ms) });
        let _ = self.complete_to_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }

    /// To be asked before a snapshot is taken, so that the snapshot is not older than the answer.
    pub(crate) fn complete_to_ms(&self) -> i64 {
        self.complete_to_ms.load(Ordering::Acquire)
    }

    /// How long ago this instant was. Of one that the clock has not come to, as it was set back, no more is known than
    /// how long the log has been silent.
    pub(crate) fn lag_ms_since(&self, instant_ms: i64) -> u64 {
        let lag_ms = self.clock.now().date().0.saturating_sub(instant_ms);
        u64::try_from(lag_ms).unwrap_or_else(|_| match self.log_silent() {
            silent if silent > LONG_SILENCE => u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
            _ => 0,
        })
    }

    /// How far what readers see is behind the end of the log: what the log took longer ago is in it. Grows as long as
    /// the log can't be asked where it ends.
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

#[cfg(test)]
mod tests {
    use schemas::time::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn with_the_clock_set_back_what_is_stale_does_not_look_fresh() {
        let now_ms = Arc::new(AtomicI64::new(5_000_000));
        let hand = Arc::clone(&now_ms);
        let clock = Clock::new(move || Timestamp::from_millis(hand.load(Ordering::SeqCst)));
        let mut status = SharedStatus::new(LogId(Uuid::nil()), 1, clock);
        // The log was heard then, and not since.
        status.started = Instant::now().checked_sub(LONG_SILENCE * 2).expect("a machine takes longer to start");
        status.set_complete_to_ms(5_000_000);
        assert_eq!(status.lag_ms(), 0);
        now_ms.store(2_000_000, Ordering::SeqCst);
        assert!(status.lag_ms() >= 10_000, "{}", status.lag_ms());
        status.set_log_heard();
        status.set_complete_to_ms(1_999_000);
        assert_eq!(status.lag_ms(), 1_000);
    }
}
