//! Who answers for which partition.

use std::collections::{BTreeMap, BTreeSet};

use schemas::id::{LogId, Partition};
use schemas::reader::{ReadError, ReaderStatus, WaitFor};

/// How much further behind than the freshest a reader may be and still count as fresh, in milliseconds.
const FRESH_WITHIN_MS: u64 = 10_000;

/// A disjoint choice of readers: each partition is answered for by one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) log: LogId,
    pub(super) partitions_total: u32,
    /// By the reader's place in the list, the partitions that it answers for.
    pub(super) parts: BTreeMap<usize, BTreeSet<Partition>>,
}

impl Cover {
    /// Takes readers that work before those that failed a moment ago, such as are not far
    /// behind the freshest before others, such as have caught up before others, then those that serve the most of what
    /// is left, then the furthest: few readers, each with all it has, answer faster than many with a bit each.
    pub(super) fn of(statuses: &[Option<ReaderStatus>], shunned: &BTreeSet<usize>) -> Result<Self, ReadError> {
        let known = || statuses.iter().enumerate().filter_map(|(at, status)| Some((at, status.as_ref()?)));
        let Some(log) = known().find_map(|(_, status)| status.log) else {
            return Err(ReadError::Unavailable { partitions: BTreeSet::new() });
        };
        if known().any(|(_, status)| status.log.is_some_and(|other| other != log)) {
            return Err(ReadError::Internal { reason: "the projectors have indexes of different logs".to_owned() });
        }
        let partitions_total = known().map(|(_, status)| status.partitions_total).max().unwrap_or(0);
        let least_lag_ms = known().filter_map(|(_, status)| status.lag_ms).min().unwrap_or(0);
        let is_fresh = |status: &ReaderStatus| {
            status.lag_ms.is_some_and(|lag_ms| lag_ms <= least_lag_ms.saturating_add(FRESH_WITHIN_MS))
        };
        let mut left: BTreeSet<Partition> = (0..partitions_total).collect();
        let mut parts = BTreeMap::new();
        while !left.is_empty() {
            let best = known()
                .filter(|(_, status)| status.log.is_some())
                .map(|(at, status)| {
                    let useful = status.serving.iter().filter(|(partition, _)| left.contains(partition));
                    let (count, reach) = useful.fold((0_usize, 0_u128), |(count, reach), (_, offset)| {
                        (count + 1, reach + u128::from(*offset))
                    });
                    ((!shunned.contains(&at), is_fresh(status), status.caught_up, count, reach), at, status)
                })
                .filter(|((_, _, _, count, _), ..)| *count > 0)
                .max_by_key(|(rank, at, _)| (*rank, std::cmp::Reverse(*at)));
            let Some((_, at, status)) = best else { break };
            let part: BTreeSet<Partition> = status.serving.keys().copied().filter(|p| left.contains(p)).collect();
            left.retain(|partition| !part.contains(partition));
            parts.insert(at, part);
        }
        if left.is_empty() {
            Ok(Self { log, partitions_total, parts })
        } else {
            Err(ReadError::Unavailable { partitions: left })
        }
    }

    /// Whether these positions can be waited for, by a read of some of the partitions or of all.
    pub(super) fn check(&self, wait: &WaitFor, wanted: Option<&BTreeSet<Partition>>) -> Result<(), ReadError> {
        if wait.positions.log != self.log {
            return Err(ReadError::OtherLog);
        }
        let named = wait.positions.partitions.keys().copied();
        let unknown: BTreeSet<Partition> = named
            .filter(|partition| wanted.is_none_or(|wanted| wanted.contains(partition)))
            .filter(|partition| *partition >= self.partitions_total)
            .collect();
        if unknown.is_empty() { Ok(()) } else { Err(ReadError::Unavailable { partitions: unknown }) }
    }

    /// The readers to ask about some of the partitions, or about all of them.
    pub(super) fn restricted(&self, wanted: Option<&BTreeSet<Partition>>) -> BTreeMap<usize, BTreeSet<Partition>> {
        let Some(wanted) = wanted else { return self.parts.clone() };
        let parts =
            self.parts.iter().map(|(at, part)| (*at, part.intersection(wanted).copied().collect::<BTreeSet<_>>()));
        parts.filter(|(_, part)| !part.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn status(serving: &[(Partition, u64)], caught_up: bool) -> ReaderStatus {
        ReaderStatus {
            log: Some(LogId(Uuid::from_u128(1))),
            partitions_total: 4,
            serving: serving.iter().copied().collect(),
            unavailable: BTreeSet::new(),
            caught_up,
            lag_ms: Some(0),
        }
    }

    fn parts(statuses: &[Option<ReaderStatus>]) -> Result<Vec<(usize, Vec<Partition>)>, ReadError> {
        let cover = Cover::of(statuses, &BTreeSet::new())?;
        Ok(cover.parts.into_iter().map(|(at, part)| (at, part.into_iter().collect())).collect())
    }

    #[test]
    fn each_partition_is_answered_for_once() {
        let overlapping = [Some(status(&[(0, 5), (1, 5)], true)), Some(status(&[(1, 9), (2, 9), (3, 9)], true))];
        assert_eq!(parts(&overlapping), Ok(vec![(0, vec![0]), (1, vec![1, 2, 3])]));
    }

    #[test]
    fn of_replicas_the_furthest_that_has_caught_up_answers_alone() {
        let all = |offset: u64| (0..4).map(|partition| (partition, offset)).collect::<Vec<_>>();
        assert_eq!(parts(&[Some(status(&all(5), true)), Some(status(&all(6), true))]), Ok(vec![(1, vec![0, 1, 2, 3])]));
        assert_eq!(
            parts(&[Some(status(&all(5), true)), Some(status(&all(6), false))]),
            Ok(vec![(0, vec![0, 1, 2, 3])])
        );
        assert_eq!(parts(&[None, Some(status(&all(6), false))]), Ok(vec![(1, vec![0, 1, 2, 3])]));
    }

    #[test]
    fn a_reader_that_lost_the_log_answers_only_for_what_no_fresh_one_has() {
        let all = (0..4).map(|partition| (partition, 5)).collect::<Vec<_>>();
        let behind = |lag_ms| ReaderStatus { lag_ms, ..status(&all, true) };
        let halves = |reader: ReaderStatus| [Some(reader), Some(status(&[(0, 9), (1, 9)], true))];
        let of_halves = Ok(vec![(0, vec![2, 3]), (1, vec![0, 1])]);
        assert_eq!(parts(&halves(behind(Some(3_600_000)))), of_halves);
        assert_eq!(parts(&halves(behind(None))), of_halves);
        assert_eq!(parts(&halves(behind(Some(5_000)))), Ok(vec![(0, vec![0, 1, 2, 3])]));
    }

    #[test]
    fn a_reader_that_failed_answers_only_for_what_no_other_has() {
        let all = (0..4).map(|partition| (partition, 9)).collect::<Vec<_>>();
        let statuses = [Some(status(&all, true)), Some(status(&[(0, 5), (1, 5)], false))];
        let cover = Cover::of(&statuses, &BTreeSet::from([0])).expect("all is there");
        assert_eq!(cover.parts, BTreeMap::from([(0, BTreeSet::from([2, 3])), (1, BTreeSet::from([0, 1]))]));
    }

    #[test]
    fn partitions_that_nobody_serves_are_named() {
        let missing = parts(&[Some(status(&[(0, 5), (2, 5)], true)), None]);
        assert_eq!(missing, Err(ReadError::Unavailable { partitions: BTreeSet::from([1, 3]) }));
        assert_eq!(parts(&[None]), Err(ReadError::Unavailable { partitions: BTreeSet::new() }));
    }

    #[test]
    fn indexes_of_two_logs_are_never_mixed() {
        let mut other = status(&[(2, 1), (3, 1)], true);
        other.log = Some(LogId(Uuid::from_u128(2)));
        assert!(matches!(
            parts(&[Some(status(&[(0, 5), (1, 5)], true)), Some(other)]),
            Err(ReadError::Internal { .. })
        ));
    }
}
