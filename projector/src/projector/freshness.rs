//! Up to which instant everything in the log is in effect.

use std::collections::BTreeMap;

use schemas::id::Partition;
use schemas::positions::Offset;

use crate::checkpoint::Checkpoint;

/// Where the log said that its partitions end.
#[derive(Debug, Clone)]
pub(crate) struct SeenEnds {
    /// Not later than the log was asked, in milliseconds since 1970.
    pub(crate) as_of_ms: i64,
    pub(crate) ends: BTreeMap<Partition, Offset>,
}

/// For each partition the instant up to which all its records are in effect, in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Freshness {
    complete_to_ms: BTreeMap<Partition, i64>,
    seen: SeenEnds,
}

impl Freshness {
    pub(crate) fn new(seen: SeenEnds) -> Self {
        Self { complete_to_ms: BTreeMap::new(), seen }
    }

    pub(crate) fn see(&mut self, seen: SeenEnds) {
        self.seen = seen;
    }

    /// The instant up to which this checkpoint has everything, whatever the partition. A partition read to its end is
    /// complete as of when the log named that end; one that is behind, up to the last record read.
    pub(crate) fn of(&mut self, checkpoint: &Checkpoint) -> i64 {
        let SeenEnds { as_of_ms, ends } = &self.seen;
        for (partition, at) in &checkpoint.partitions {
            let is_at_end = ends.get(partition).is_some_and(|end| at.next >= *end);
            // A record from the future says nothing of the time since.
            let to_ms = if is_at_end { *as_of_ms } else { at.last.map_or(0, |last| last.timestamp_ms.min(*as_of_ms)) };
            let known = self.complete_to_ms.entry(*partition).or_default();
            // What was known by a clock that has been set back since is forgotten.
            *known = if *known > *as_of_ms { to_ms } else { (*known).max(to_ms) };
        }
        checkpoint
            .partitions
            .keys()
            .filter_map(|partition| self.complete_to_ms.get(partition))
            .min()
            .copied()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use schemas::fold::FOLD_VERSION;
    use schemas::id::LogId;
    use uuid::Uuid;

    use super::*;
    use crate::checkpoint::LastRecord;

    fn checkpoint(read: [(Offset, i64); 2]) -> Checkpoint {
        let mut checkpoint = Checkpoint::new(LogId(Uuid::nil()), FOLD_VERSION, 0..2);
        for (at, (next, timestamp_ms)) in checkpoint.partitions.values_mut().zip(read) {
            at.next = next;
            at.last = next.checked_sub(1).map(|offset| LastRecord { offset, timestamp_ms, hash: 0 });
        }
        checkpoint
    }

    fn seen(as_of_ms: i64, ends: [Offset; 2]) -> SeenEnds {
        SeenEnds { as_of_ms, ends: BTreeMap::from([(0, ends[0]), (1, ends[1])]) }
    }

    #[test]
    fn what_was_read_to_the_end_is_complete_as_of_when_the_end_was_named() {
        let mut freshness = Freshness::new(seen(1000, [3, 0]));
        assert_eq!(freshness.of(&checkpoint([(3, 10), (0, 0)])), 1000);
        freshness.see(seen(2000, [3, 0]));
        assert_eq!(freshness.of(&checkpoint([(3, 10), (0, 0)])), 2000);
    }

    #[test]
    fn a_partition_that_is_behind_counts_to_its_last_record_and_holds_the_others_up() {
        let mut freshness = Freshness::new(seen(1000, [3, 8]));
        assert_eq!(freshness.of(&checkpoint([(3, 10), (0, 0)])), 0);
        assert_eq!(freshness.of(&checkpoint([(3, 10), (2, 700)])), 700);
        assert_eq!(freshness.of(&checkpoint([(3, 10), (7, 900)])), 900);
        assert_eq!(freshness.of(&checkpoint([(3, 10), (8, 950)])), 1000);
        // More has come since, unseen: what was complete stays so.
        freshness.see(seen(2000, [4, 9]));
        assert_eq!(freshness.of(&checkpoint([(3, 10), (8, 950)])), 1000);
        assert_eq!(freshness.of(&checkpoint([(4, 1500), (8, 950)])), 1000);
        assert_eq!(freshness.of(&checkpoint([(4, 1500), (9, 1400)])), 2000);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_fresher() {
        let mut freshness = Freshness::new(seen(9000, [3, 3]));
        assert_eq!(freshness.of(&checkpoint([(3, 10), (3, 20)])), 9000);
        freshness.see(seen(2000, [4, 4]));
        assert_eq!(freshness.of(&checkpoint([(4, 1900), (3, 20)])), 20);
        assert_eq!(freshness.of(&checkpoint([(4, 1900), (4, 1950)])), 2000);
    }

    #[test]
    fn records_from_the_future_make_nothing_fresher_than_the_log_was_asked() {
        let mut freshness = Freshness::new(seen(1000, [3, 3]));
        assert_eq!(freshness.of(&checkpoint([(2, 5_000_000), (2, 7_000_000)])), 1000);
    }
}
