//! What a read batch says of each call, folded before the index sees it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;

use event_log::{LogRecord, ReadBatch};
use schemas::event::{CallEvent, UndecodableRecord};
use schemas::fold::CallState;
use schemas::id::{CallKey, Partition, home_partition};
use schemas::positions::Offset;
use xxhash_rust::xxh3::xxh3_128;

use crate::checkpoint::{Checkpoint, LastRecord};

/// The records of one read, folded per call.
#[derive(Debug, Default)]
pub(crate) struct FoldedBatch {
    /// In the order in which the calls first appear.
    pub(crate) calls: Vec<FoldedCall>,
    /// What was read of each partition that moved.
    pub(crate) partitions: BTreeMap<Partition, PartitionRead>,
    /// Events folded into `calls`.
    pub(crate) events: u64,
    /// Bytes of all values read.
    pub(crate) bytes: usize,
    /// The first record that was passed over, for the log line.
    pub(crate) passed_over: Option<PassedOver>,
    /// Calls whose prompt an event of another request replaced.
    pub(crate) prompts_replaced: Vec<CallKey>,
}

#[derive(Debug)]
pub(crate) struct FoldedCall {
    pub(crate) key: CallKey,
    pub(crate) partition: Partition,
    pub(crate) state: CallState,
}

#[derive(Debug, Default)]
pub(crate) struct PartitionRead {
    next: Offset,
    last: Option<LastRecord>,
    passed_over: u64,
    first_passed_over: Option<Offset>,
}

#[derive(Debug)]
pub(crate) struct PassedOver {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    pub(crate) reason: NotApplicable,
}

/// Why a record of the log is not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotApplicable {
    #[error("the record has no value")]
    NoValue,
    #[error(transparent)]
    Undecodable(#[from] UndecodableRecord),
    #[error("its call lives in partition {0}")]
    NotAtHome(Partition),
}

/// Reads a record of `calls`: the event and the hash of its value.
pub(crate) fn decode(record: &LogRecord, partitions: NonZeroU32) -> Result<(CallEvent, u128), NotApplicable> {
    let value = record.value.as_deref().ok_or(NotApplicable::NoValue)?;
    let event = CallEvent::decode(value)?;
    let home = home_partition(event.key.call, partitions);
    if home != record.position.partition {
        return Err(NotApplicable::NotAtHome(home));
    }
    Ok((event, value_hash(value)))
}

/// The hash by which claims and records are told apart.
pub(crate) fn value_hash(value: &[u8]) -> u128 {
    xxh3_128(value)
}

impl FoldedBatch {
    /// Folds what was read from a log of that many partitions.
    pub(crate) fn of(read: ReadBatch, partitions: NonZeroU32) -> Self {
        let mut batch = Self::default();
        let mut places: HashMap<CallKey, usize> = HashMap::with_capacity(read.records.len());
        for record in read.records {
            batch.add(&record, partitions, &mut places);
        }
        for (partition, next) in read.next {
            let read = batch.partitions.entry(partition).or_default();
            read.next = read.next.max(next);
        }
        batch
    }

    fn add(&mut self, record: &LogRecord, partitions: NonZeroU32, places: &mut HashMap<CallKey, usize>) {
        let (partition, offset) = (record.position.partition, record.position.offset);
        let value = record.value.as_deref().unwrap_or_default();
        self.bytes += value.len();
        let decoded = decode(record, partitions);
        let read = self.partitions.entry(partition).or_default();
        read.next = offset + 1;
        let hash = decoded.as_ref().map_or_else(|_| value_hash(value), |(_, hash)| *hash);
        read.last = Some(LastRecord { offset, timestamp_ms: record.timestamp_ms, hash });
        match decoded {
            Ok((event, hash)) => {
                self.events += 1;
                self.fold(event, hash, partition, places);
            }
            Err(reason) => {
                read.passed_over += 1;
                read.first_passed_over.get_or_insert(offset);
                self.passed_over.get_or_insert(PassedOver { partition, offset, reason });
            }
        }
    }

    fn fold(&mut self, event: CallEvent, hash: u128, partition: Partition, places: &mut HashMap<CallKey, usize>) {
        let key = event.key;
        let state = CallState::of(event, hash);
        match places.entry(key) {
            Entry::Vacant(place) => {
                place.insert(self.calls.len());
                self.calls.push(FoldedCall { key, partition, state });
            }
            Entry::Occupied(place) => {
                if let Some(call) = self.calls.get_mut(*place.get())
                    && call.state.merge(state).prompt_replaced
                {
                    self.prompts_replaced.push(key);
                }
            }
        }
    }

    /// How many records were passed over.
    pub(crate) fn passed_over_count(&self) -> u64 {
        self.partitions.values().map(|read| read.passed_over).sum()
    }

    /// Moves the checkpoint to the end of this batch.
    pub(crate) fn advance(&self, checkpoint: &mut Checkpoint) {
        for (partition, read) in &self.partitions {
            let at = checkpoint.partitions.entry(*partition).or_default();
            at.next = at.next.max(read.next);
            at.last = read.last.or(at.last);
            at.passed_over += read.passed_over;
            at.first_passed_over = at.first_passed_over.or(read.first_passed_over);
        }
    }
}
