//! Tells a topic from one of the same name that was made after it was deleted: librdkafka reads on in the new one,
//! from the offset where it was in the old one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::Offset as KafkaOffset;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use schemas::id::Partition;
use schemas::positions::Offset;

use super::reader::{PROBE_TIMEOUT, Reading, as_kafka};
use crate::log::LogRecord;

/// How long an answer holds: much less than it takes to delete a topic, make it again and fill it as far.
const HOLDS: Duration = Duration::from_millis(200);

/// What was read of the topic.
#[derive(Debug)]
pub(super) struct SameTopic {
    read: BTreeMap<Partition, Read>,
    known: Instant,
}

#[derive(Debug)]
struct Read {
    last: Offset,
    /// Milliseconds since 1970.
    latest: i64,
}

impl SameTopic {
    /// Of a topic that is known to be the one that is meant.
    pub(super) fn new() -> Self {
        Self { read: BTreeMap::new(), known: Instant::now() }
    }

    pub(super) fn note(&mut self, record: &LogRecord) {
        let (last, latest) = (record.position.offset, record.timestamp_ms);
        let read = self.read.entry(record.position.partition).or_insert(Read { last, latest });
        *read = Read { last, latest: read.latest.max(latest) };
    }

    /// Whether the topic is still the one that was read, as far as its times tell. What is in a topic that was made
    /// later is later than all that was read. A broker whose clock went back may say no of the same topic.
    pub(super) fn ask(&mut self, asking: &Reading, topic: &str) -> Result<bool, KafkaError> {
        if self.read.is_empty() || self.known.elapsed() < HOLDS {
            return Ok(true);
        }
        let asked = Instant::now();
        let mut later = TopicPartitionList::with_capacity(self.read.len());
        for (partition, read) in &self.read {
            later.add_partition_offset(topic, as_kafka(*partition), KafkaOffset::Offset(read.latest + 1))?;
        }
        let later = asking.offsets_for_times(later, PROBE_TIMEOUT)?;
        for element in later.elements() {
            element.error()?;
            let read = Partition::try_from(element.partition()).ok().and_then(|partition| self.read.get(&partition));
            if let (Some(read), KafkaOffset::Offset(first)) = (read, element.offset())
                && Offset::try_from(first).is_ok_and(|first| first <= read.last)
            {
                return Ok(false);
            }
        }
        self.known = asked;
        Ok(true)
    }
}
