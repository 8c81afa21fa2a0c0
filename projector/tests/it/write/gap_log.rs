//! A log that has lost the beginning of a partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use event_log::{AppendError, Bounds, EventLog, LogReader, NewRecord, Position, ReadLogError, Topic};
use schemas::id::Partition;
use schemas::positions::Offset;

#[derive(Debug)]
pub(super) struct GapLog {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) partition: Partition,
    pub(super) start: Offset,
}

#[async_trait]
impl EventLog for GapLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        self.log.append(topic, records).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
        let bounds = self.log.bounds(topic, partition).await?;
        Ok(if partition == self.partition { Bounds { start: self.start, ..bounds } } else { bounds })
    }

    fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
        self.log.reader(topic, from)
    }
}
