//! Lists of partitions, such as `0-7,12`.

use std::collections::BTreeSet;
use std::str::FromStr;

use schemas::id::Partition;
use schemas::limits::PARTITIONS_MAX;

/// Partitions that a projector reads; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionList(pub(crate) BTreeSet<Partition>);

/// The text is no list of partitions.
#[derive(Debug, thiserror::Error)]
#[error("expected partitions from 0 to {}, such as 0-15 or 0,3,8-11", PARTITIONS_MAX - 1)]
pub(crate) struct NotPartitions;

impl FromStr for PartitionList {
    type Err = NotPartitions;

    fn from_str(text: &str) -> Result<Self, NotPartitions> {
        let number = |text: &str| text.trim().parse().ok().filter(|partition: &Partition| *partition < PARTITIONS_MAX);
        let mut partitions = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first).ok_or(NotPartitions)?, number(last).ok_or(NotPartitions)?);
            if first > last {
                return Err(NotPartitions);
            }
            partitions.extend(first..=last);
        }
        Ok(Self(partitions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_partitions_make_one_list() {
        let list: PartitionList = "8-11, 0,3".parse().expect("valid");
        assert_eq!(list.0.into_iter().collect::<Vec<_>>(), [0, 3, 8, 9, 10, 11]);
    }

    #[test]
    fn what_is_no_list_of_partitions_is_refused() {
        for text in ["", "a", "3-1", "1024", "0-1024", "1,,2", "-1", "0-99999999999"] {
            assert!(text.parse::<PartitionList>().is_err(), "{text}");
        }
    }
}
