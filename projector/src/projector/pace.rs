//! How many threads write the index: one is enough, and costs least, for a projector that keeps up.

use std::time::{Duration, Instant};

/// Records that wait at the start above which it counts as behind.
const BEHIND_RECORDS: u64 = 10_000;
/// Full commits in a row after which it counts as behind.
const FULL_COMMITS: u32 = 2;
/// Time without a full commit after which it counts as caught up.
const CALM: Duration = Duration::from_secs(10);
/// Time without anything to commit after which nothing else is to be done.
pub(super) const IDLE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Pace {
    cores: usize,
    threads: usize,
    /// Full commits in a row.
    full: u32,
    /// Since when no commit was full.
    calm_since: Option<Instant>,
}

impl Pace {
    /// For a log in which this many records wait.
    pub(crate) fn new(waiting: u64) -> Self {
        // tantivy takes no more than eight.
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        let threads = if waiting > BEHIND_RECORDS { cores } else { 1 };
        Self { cores, threads, full: 0, calm_since: None }
    }

    /// How many threads should write.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// After a commit, which was full when more was waiting.
    pub(crate) fn committed(&mut self, full: bool, now: Instant) {
        if full {
            (self.full, self.calm_since) = (self.full + 1, None);
        } else {
            self.full = 0;
            self.calm_since.get_or_insert(now);
        }
    }

    /// Says whether the number of threads changes now. Another writer begins the merges of the last one anew, so one
    /// that is no longer behind waits until none runs.
    pub(crate) fn changes(&mut self, is_merging: bool, now: Instant) -> bool {
        let is_calm = self.calm_since.is_some_and(|since| now.duration_since(since) >= CALM);
        let threads = match () {
            () if self.full >= FULL_COMMITS => self.cores,
            () if is_calm && !is_merging => 1,
            () => self.threads,
        };
        std::mem::replace(&mut self.threads, threads) != threads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projector_that_is_behind_writes_with_all_cores_until_it_has_caught_up_for_a_while() {
        let begun = Instant::now();
        let mut pace = Pace { cores: 4, threads: 1, full: 0, calm_since: None };
        let mut commit = |full, seconds, is_merging| {
            let now = begun + Duration::from_secs(seconds);
            pace.committed(full, now);
            (pace.changes(is_merging, now), pace.threads())
        };
        assert_eq!(commit(true, 1, false), (false, 1));
        assert_eq!(commit(false, 2, false), (false, 1));
        assert_eq!(commit(true, 3, false), (false, 1));
        assert_eq!(commit(true, 4, true), (true, 4));
        assert_eq!(commit(true, 5, false), (false, 4));
        assert_eq!(commit(false, 6, false), (false, 4));
        // Another burst, and it counts from anew.
        assert_eq!(commit(true, 15, false), (false, 4));
        assert_eq!(commit(false, 16, false), (false, 4));
        assert_eq!(commit(false, 25, false), (false, 4));
        assert_eq!(commit(false, 26, true), (false, 4), "a merge runs");
        assert_eq!(commit(false, 27, false), (true, 1));
    }
}
