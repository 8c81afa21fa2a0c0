//! When a batch is committed though more comes, and how many threads write the index: one is enough, and costs least, for
//! a projector that keeps up.

use std::time::Duration;

use super::reading::READ_BYTES;

/// Greatest time between two commits while records keep coming.
const TICK_MAX: Duration = Duration::from_millis(200);
/// The same while much is waiting: fewer commits, larger segments.
const TICK_MAX_BEHIND: Duration = Duration::from_secs(3);
/// Bytes of events after which a commit comes, whatever waits.
const COMMIT_BYTES: usize = 64 * 1024 * 1024;
/// A read that finds as much is far from the end of the log.
const LARGE_READ_BYTES: usize = READ_BYTES / 2;
/// Records that wait at the start above which it counts as behind.
const BEHIND_RECORDS: u64 = 10_000;
/// Commits in a row with a large lag after which it counts as behind.
const BEHIND_COMMITS: u32 = 2;
/// Commits in a row with a small one after which it counts as caught up.
const CALM_COMMITS: u32 = 10;
/// Time without anything to commit after which it counts as caught up.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// How much the log had left at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lag {
    Small,
    Large,
}

/// Whether a commit comes after a batch though more may be waiting. Until the first commit there is no time since.
pub(super) fn due(since_commit: Option<Duration>, uncommitted_bytes: usize, read_bytes: usize) -> Option<Lag> {
    if uncommitted_bytes >= COMMIT_BYTES {
        return Some(Lag::Large);
    }
    let (lag, tick_max) =
        if read_bytes >= LARGE_READ_BYTES { (Lag::Large, TICK_MAX_BEHIND) } else { (Lag::Small, TICK_MAX) };
    since_commit.filter(|since| *since >= tick_max).map(|_| lag)
}

#[derive(Debug)]
pub(super) struct Pace {
    cores: usize,
    threads: usize,
    behind: u32,
    calm: u32,
}

impl Pace {
    /// For a log in which this many records wait.
    pub(super) fn new(waiting: u64) -> Self {
        // tantivy takes no more than eight.
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        Self { cores, threads: if waiting > BEHIND_RECORDS { cores } else { 1 }, behind: 0, calm: 0 }
    }

    /// How many threads should write.
    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// After a commit. Says whether the number of threads changes.
    pub(super) fn committed(&mut self, lag: Lag) -> bool {
        (self.behind, self.calm) = match lag {
            Lag::Large => (self.behind + 1, 0),
            Lag::Small => (0, self.calm + 1),
        };
        if self.behind >= BEHIND_COMMITS {
            self.change(self.cores)
        } else if self.calm >= CALM_COMMITS {
            self.change(1)
        } else {
            false
        }
    }

    /// Once there was nothing to commit for [`IDLE`]. Says whether the number of threads changes. Another writer begins
    /// the merges of the last one anew: while nothing comes there is time to wait for them.
    pub(super) fn idle(&mut self, is_merging: bool) -> bool {
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
    fn what_comes_at_the_end_of_the_log_is_committed_soon_and_a_backlog_in_large_parts() {
        let due_after = |ms, read| due(Some(Duration::from_millis(ms)), read, read);
        assert_eq!(due_after(199, 1000), None);
        assert_eq!(due_after(200, 1000), Some(Lag::Small));
        assert_eq!(due_after(2999, READ_BYTES), None);
        assert_eq!(due_after(3000, READ_BYTES), Some(Lag::Large));
        assert_eq!(due(None, COMMIT_BYTES - 1, 1000), None);
        assert_eq!(due(None, COMMIT_BYTES, 1000), Some(Lag::Large));
    }

    #[test]
    fn a_projector_that_is_behind_writes_with_all_cores_until_it_has_caught_up() {
        let mut pace = Pace { cores: 4, threads: 1, behind: 0, calm: 0 };
        assert!(!pace.committed(Lag::Large));
        assert!(!pace.committed(Lag::Small));
        assert!(!pace.committed(Lag::Large));
        assert!(pace.committed(Lag::Large));
        assert_eq!(pace.threads(), 4);
        assert!(!pace.committed(Lag::Large));
        assert!(!(0..9).any(|_| pace.committed(Lag::Small)));
        assert!(pace.committed(Lag::Small));
        assert_eq!(pace.threads(), 1);
        assert!(!pace.idle(false));
    }

    #[test]
    fn while_nothing_comes_merges_are_waited_for() {
        let mut pace = Pace { cores: 4, threads: 4, behind: 0, calm: 0 };
        assert!(!pace.idle(true));
        assert!(pace.idle(false));
        assert_eq!(pace.threads(), 1);
    }
}
