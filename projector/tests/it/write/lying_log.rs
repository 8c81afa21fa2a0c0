//! A log whose readers change what they bring, as long as it lies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use event_log::{AppendError, Bounds, EventLog, LogReader, NewRecord, Position, ReadBatch, ReadLogError, Topic};
use schemas::id::Partition;
use schemas::positions::Offset;

#[derive(Debug)]
pub(super) struct LyingLog {
    log: Arc<dyn EventLog>,
    lies: Arc<AtomicBool>,
}

#[derive(Debug)]
struct LyingReader {
    reader: Box<dyn LogReader>,
    lies: Arc<AtomicBool>,
}

impl LyingLog {
    pub(super) fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log, lies: Arc::new(AtomicBool::new(true)) }
    }

    pub(super) fn tell_the_truth(&self) {
        self.lies.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl EventLog for LyingLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        self.log.append(topic, records).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
        self.log.bounds(topic, partition).await
    }

    fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
        Ok(Box::new(LyingReader { reader: self.log.reader(topic, from)?, lies: Arc::clone(&self.lies) }))
    }
}

impl LogReader for LyingReader {
    fn read(&mut self, max_bytes: usize, wait: Duration) -> Result<ReadBatch, ReadLogError> {
        let mut batch = self.reader.read(max_bytes, wait)?;
        if self.lies.load(Ordering::SeqCst) {
            for value in batch.records.iter_mut().filter_map(|record| record.value.as_mut()) {
                let text = String::from_utf8(value.to_vec()).expect("events are JSON");
                *value = text.replace("gpt-4o", "gpt-9x").into();
            }
        }
        Ok(batch)
    }

    fn ends(&mut self) -> Result<BTreeMap<Partition, Offset>, ReadLogError> {
        self.reader.ends()
    }
}
