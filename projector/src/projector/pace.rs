//! How many threads write the index: one is enough, and costs least, for a projector that keeps up.

use std::time::Duration;

/// Records that wait at the start above which it counts as behind.
const BEHIND_RECORDS: u64 = 10_000;
/// Full commits in a row after which it counts as behind.
const FULL_COMMITS: u32 = 2;
/// Other commits in a row after which it counts as caught up.
const CALM_COMMITS: u32 = 10;
/// Time without anything to commit after which it counts as caught up.
pub(super) const IDLE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Pace {
    cores: usize,
    threads: usize,
    full: u32,
    calm: u32,
}

impl Pace {
    /// For a log in which this many records wait.
    pub(crate) fn new(waiting: u64) -> Self {
        // tantivy takes no more than eight.
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        Self { cores, threads: if waiting > BEHIND_RECORDS { cores } else { 1 }, full: 0, calm: 0 }
    }

    /// How many threads should write.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// After a commit, which was full when more was waiting. Says whether the number of threads changes.
    pub(crate) fn committed(&mut self, full: bool) -> bool {
        (self.full, self.calm) = if full { (self.full + 1, 0) } else { (0, self.calm + 1) };
        if self.full >= FULL_COMMITS {
            self.change(self.cores)
        } else if self.calm >= CALM_COMMITS {
            self.change(1)
        } else {
            false
        }
    }

    /// Once there was nothing to commit for [`IDLE`]. Says whether the number of threads changes. Another writer begins
    /// the merges of the last one anew: while nothing comes there is time to wait for them.
    pub(crate) fn idle(&mut self, is_merging: bool) -> bool {
        !is_merging && self.change(1)
    }

    fn change(&mut self, threads: usize) -> bool {
        let changes = threads != self.threads;
        self.threads = threads;
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projector_that_is_behind_writes_with_all_cores_until_it_has_caught_up() {
        let mut pace = Pace { cores: 4, threads: 1, full: 0, calm: 0 };
        assert!(!pace.committed(true));
        assert!(!pace.committed(false));
        assert!(!pace.committed(true));
        assert!(pace.committed(true));
        assert_eq!(pace.threads(), 4);
        assert!(!pace.committed(true));
        assert!(!(0..9).any(|_| pace.committed(false)));
        assert!(pace.committed(false));
        assert_eq!(pace.threads(), 1);
        assert!(!pace.idle(false));
    }

    #[test]
    fn while_nothing_comes_merges_are_waited_for() {
        let mut pace = Pace { cores: 4, threads: 4, full: 0, calm: 0 };
        assert!(!pace.idle(true));
        assert!(pace.idle(false));
        assert_eq!(pace.threads(), 1);
    }
}
