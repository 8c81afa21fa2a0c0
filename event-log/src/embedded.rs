//! The log on local disk: one process, no broker.
//!
//! Each partition is a keyspace of its own, from the first offset of a block to the block. Offsets grow, so
//! that blocks are written once and never moved. One thread writes; whatever waits for it becomes one commit.

mod block;
mod dictionary;
mod reader;
mod store;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use schemas::id::Partition;
use schemas::limits::PARTITIONS_MAX;
use schemas::positions::Offset;
use schemas::time::Clock;
use tokio::sync::oneshot;

use crate::log::{AppendError, Bounds, EventLog, LogReader, NewRecord, Position, ReadLogError, Topic, check_sizes};
use reader::EmbeddedReader;
use store::SharedStore;
use writer::{Append, Writer};

/// How to open an embedded log.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Partitions of a new log. An existing log keeps its own.
    pub partitions: u32,
    /// Stamps the records.
    pub clock: Clock,
}

/// Why an embedded log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenEmbeddedError {
    #[error("a log has 1 to {PARTITIONS_MAX} partitions, not {0}")]
    Partitions(u32),
    #[error("the log can't be opened: {0}")]
    Storage(#[from] fjall::Error),
    #[error("the log's folder can't be made: {0}")]
    Folder(#[from] std::io::Error),
    #[error("the log is damaged: {0}")]
    Damaged(#[from] block::DamagedBlock),
    #[error("the log is damaged: its journal is gone")]
    NoJournal,
    #[error("the log is damaged: its beginning is gone")]
    NoBeginning,
    #[error("the log is closed")]
    Closed,
    #[error("the log's compression can't be started")]
    Compression(#[source] std::io::Error),
    #[error("the log's writer can't be started")]
    Thread(#[source] std::io::Error),
}

/// A log on local disk.
#[derive(Debug)]
pub struct EmbeddedLog {
    store: Arc<SharedStore>,
    /// Taken when the log is dropped, so that the writer ends.
    appends: Option<Sender<Append>>,
    writer: Option<JoinHandle<()>>,
}

impl EmbeddedLog {
    /// Opens the log in a folder, or makes one there.
    pub fn open(folder: &Path, options: EmbeddedOptions) -> Result<Self, OpenEmbeddedError> {
        if !(1..=PARTITIONS_MAX).contains(&options.partitions) {
            return Err(OpenEmbeddedError::Partitions(options.partitions));
        }
        let store = Arc::new(SharedStore::open(folder, options.partitions)?);
        let (appends, waiting) = channel();
        let writer = Writer::new(Arc::clone(&store), options.clock)?;
        let writer = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || writer.run(&waiting))
            .map_err(OpenEmbeddedError::Thread)?;
        Ok(Self { store, appends: Some(appends), writer: Some(writer) })
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.appends = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.store.partitions(topic)
    }

    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        let partitions = self.partitions(topic);
        if let Some(record) = records.iter().find(|record| record.partition >= partitions) {
            let reason = format!("there is no partition {} of {partitions}", record.partition);
            return Err(AppendError::Refused { reason });
        }
        check_sizes(&records, self.record_bytes_max(topic))?;
        let (reply, answer) = oneshot::channel();
        let append = Append { topic, records, reply };
        let refused = || AppendError::Refused { reason: "the log is closed".into() };
        self.appends.as_ref().ok_or_else(refused)?.send(append).map_err(|_| refused())?;
        answer.await.unwrap_or_else(|_| Err(AppendError::Unknown { reason: "the log was closed".into() }))
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
        self.store.bounds(topic, partition)
    }

    fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
        Ok(Box::new(EmbeddedReader::new(Arc::clone(&self.store), topic, from)?))
    }
}
