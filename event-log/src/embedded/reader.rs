//! Reads partitions of an embedded log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemas::id::Partition;
use schemas::positions::Offset;

use super::block::BlockDecoder;
use super::store::SharedStore;
use crate::log::{LogReader, ReadBatch, ReadLogError, Topic};

#[derive(Debug)]
pub(super) struct EmbeddedReader {
    store: Arc<SharedStore>,
    decoder: BlockDecoder,
    topic: Topic,
    next: BTreeMap<Partition, Offset>,
    /// The partition to begin with, so that a long one can't starve the others.
    turn: usize,
}

impl EmbeddedReader {
    pub(super) fn new(
        store: Arc<SharedStore>,
        topic: Topic,
        from: &BTreeMap<Partition, Offset>,
    ) -> Result<Self, ReadLogError> {
        for (partition, wanted) in from {
            let (partition, wanted) = (*partition, *wanted);
            let bounds = store.bounds(topic, partition)?;
            if wanted < bounds.start {
                return Err(ReadLogError::Gap { partition, wanted, start: bounds.start });
            }
            if wanted > bounds.end {
                return Err(ReadLogError::Ahead { partition, wanted, end: bounds.end });
            }
        }
        let decoder = BlockDecoder::new().map_err(|error| ReadLogError::Unavailable { reason: error.to_string() })?;
        Ok(Self { store, decoder, topic, next: from.clone(), turn: 0 })
    }

    fn read_available(&mut self, max_bytes: usize) -> Result<ReadBatch, ReadLogError> {
        let mut batch = ReadBatch::default();
        let mut left = max_bytes;
        let partitions: Vec<Partition> = self.next.keys().copied().collect();
        for at in 0..partitions.len() {
            let Some(&partition) = partitions.get((self.turn + at) % partitions.len()) else { continue };
            let from = self.next.get(&partition).copied().unwrap_or(0);
            // An equal share of what is left, so that neighbours in the index are of about the same time.
            let share = left / (partitions.len() - at);
            let records = self.store.records(&mut self.decoder, (self.topic, partition), from, share)?;
            let Some(last) = records.last() else { continue };
            let next = last.position.offset + 1;
            self.next.insert(partition, next);
            batch.next.insert(partition, next);
            let bytes: usize = records.iter().map(|record| record.value.as_ref().map_or(0, bytes::Bytes::len)).sum();
            batch.records.extend(records);
            left = left.saturating_sub(bytes);
            if left == 0 {
                break;
            }
        }
        self.turn = self.turn.wrapping_add(1);
        Ok(batch)
    }
}

impl LogReader for EmbeddedReader {
    fn read(&mut self, max_bytes: usize, wait: Duration) -> Result<ReadBatch, ReadLogError> {
        let batch = self.read_available(max_bytes)?;
        if !batch.records.is_empty() {
            return Ok(batch);
        }
        self.store.wait(self.topic, &self.next, wait);
        self.read_available(max_bytes)
    }

    fn ends(&mut self) -> Result<BTreeMap<Partition, Offset>, ReadLogError> {
        let ends = self.next.keys().map(|partition| Ok((*partition, self.store.bounds(self.topic, *partition)?.end)));
        ends.collect()
    }
}
