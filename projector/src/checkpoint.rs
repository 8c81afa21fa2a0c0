//! How far the index has read the log: the payload of every commit.

use std::collections::BTreeMap;

use schemas::id::{LogId, Partition};
use schemas::positions::{Offset, Positions};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of the payload's form. Another one belongs to another build.
const PAYLOAD_VERSION: u32 = 1;

/// What a commit holds: of which log, folded how, and read how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub log: LogId,
    pub fold_version: u32,
    /// Every partition that the index is of.
    pub partitions: BTreeMap<Partition, PartitionCheckpoint>,
    /// Positions that an index built anew has to pass before it answers; empty once it has.
    pub building_to: BTreeMap<Partition, Offset>,
}

/// How far one partition has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionCheckpoint {
    /// The next record to read: every one before it is in effect or passed over.
    pub next: Offset,
    /// The last record read, by which a log is known again.
    pub last: Option<LastRecord>,
    /// The first record that this build could not apply.
    pub first_passed_over: Option<Offset>,
    /// How many records this build could not apply.
    pub passed_over: u64,
}

/// A record that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRecord {
    pub offset: Offset,
    /// When the log took it, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// xxh3-128 of its value.
    #[serde(serialize_with = "write_hash", deserialize_with = "read_hash")]
    pub hash: u128,
}

/// A payload that this build can't use.
#[derive(Debug, thiserror::Error)]
pub enum UnusablePayload {
    #[error("the index has no checkpoint")]
    Missing,
    #[error("the checkpoint has the version {0}, which this build does not know")]
    UnknownVersion(u32),
    #[error("the checkpoint can't be read")]
    Unreadable(#[from] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
struct Payload {
    version: u32,
    log: LogId,
    fold_version: u32,
    partitions: BTreeMap<Partition, PartitionCheckpoint>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    building_to: BTreeMap<Partition, Offset>,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl Checkpoint {
    /// Nothing read yet.
    pub fn new(log: LogId, fold_version: u32, partitions: impl IntoIterator<Item = Partition>) -> Self {
        let partitions = partitions.into_iter().map(|partition| (partition, PartitionCheckpoint::default())).collect();
        Self { log, fold_version, partitions, building_to: BTreeMap::new() }
    }

    /// The text that a commit carries.
    pub fn payload(&self) -> String {
        let payload = Payload {
            version: PAYLOAD_VERSION,
            log: self.log,
            fold_version: self.fold_version,
            partitions: self.partitions.clone(),
            building_to: self.building_to.clone(),
        };
        serde_json::to_string(&payload).expect("a payload has integer and string keys only")
    }

    /// Reads what [`Checkpoint::payload`] wrote.
    pub fn parse(payload: Option<&str>) -> Result<Self, UnusablePayload> {
        let payload = payload.ok_or(UnusablePayload::Missing)?;
        let VersionOnly { version } = serde_json::from_str(payload)?;
        if version != PAYLOAD_VERSION {
            return Err(UnusablePayload::UnknownVersion(version));
        }
        let Payload { log, fold_version, partitions, building_to, .. } = serde_json::from_str(payload)?;
        Ok(Self { log, fold_version, partitions, building_to })
    }

    /// The next offset of each partition.
    pub fn next(&self) -> BTreeMap<Partition, Offset> {
        self.partitions.iter().map(|(partition, checkpoint)| (*partition, checkpoint.next)).collect()
    }

    /// The next offset of one partition.
    pub fn next_of(&self, partition: Partition) -> Offset {
        self.partitions.get(&partition).map_or(0, |checkpoint| checkpoint.next)
    }

    pub fn positions(&self) -> Positions {
        Positions { log: self.log, partitions: self.next(), reference: None }
    }

    /// Whether every one of these positions has been reached.
    pub fn has_passed(&self, positions: &BTreeMap<Partition, Offset>) -> bool {
        positions.iter().all(|(partition, offset)| {
            self.partitions.get(partition).is_none_or(|checkpoint| checkpoint.next >= *offset)
        })
    }
}

fn write_hash<S: Serializer>(hash: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{hash:032x}"))
}

fn read_hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    let text = String::deserialize(deserializer)?;
    u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use schemas::limits::PARTITIONS;
    use uuid::Uuid;

    use super::*;

    fn sample() -> Checkpoint {
        let mut checkpoint = Checkpoint::new(LogId(Uuid::from_u128(7)), 1, 0..PARTITIONS);
        for (partition, at) in &mut checkpoint.partitions {
            at.next = u64::from(*partition) + 1_000_000_000_000;
            at.last = Some(LastRecord { offset: at.next - 1, timestamp_ms: 1_760_000_000_000, hash: u128::MAX });
            at.first_passed_over = Some(1_000_000_000);
            at.passed_over = 3;
        }
        checkpoint.building_to = checkpoint.next();
        checkpoint
    }

    #[test]
    fn a_checkpoint_survives_its_payload_which_stays_small() {
        let checkpoint = sample();
        let payload = checkpoint.payload();
        assert_eq!(Checkpoint::parse(Some(&payload)).expect("readable"), checkpoint);
        assert!(payload.len() < 4096, "{} bytes", payload.len());
    }

    #[test]
    fn a_payload_of_another_build_is_named_as_such() {
        assert!(matches!(Checkpoint::parse(None), Err(UnusablePayload::Missing)));
        assert!(matches!(Checkpoint::parse(Some("offset=1")), Err(UnusablePayload::Unreadable(_))));
        let newer = r#"{"version":2,"anything":[]}"#;
        assert!(matches!(Checkpoint::parse(Some(newer)), Err(UnusablePayload::UnknownVersion(2))));
    }

    #[test]
    fn positions_have_passed_when_no_partition_is_behind() {
        let checkpoint = sample();
        let mut wanted = checkpoint.next();
        assert!(checkpoint.has_passed(&wanted));
        wanted.entry(3).and_modify(|offset| *offset += 1);
        assert!(!checkpoint.has_passed(&wanted));
    }
}
