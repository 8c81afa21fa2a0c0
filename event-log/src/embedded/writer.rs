//! The one writer of an embedded log: what waits is committed together and acknowledged together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use fjall::PersistMode;
use schemas::positions::Offset;
use schemas::time::Clock;
use tokio::sync::oneshot;

use super::OpenEmbeddedError;
use super::block::{BLOCK_BYTES, BlockEncoder};
use super::store::{PartitionKey, SharedStore};
use crate::log::{AppendError, NewRecord, Position, Topic};

/// Bytes of records that one commit takes at most, before compression; one append always fits.
const COMMIT_BYTES: usize = 16 * 1024 * 1024;

/// Records that somebody waits to see durable.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) topic: Topic,
    pub(super) records: Vec<NewRecord>,
    pub(super) reply: oneshot::Sender<Result<Vec<Position>, AppendError>>,
}

/// Why a commit failed.
#[derive(Debug, thiserror::Error)]
enum CommitError {
    #[error("the records can't be compressed: {0}")]
    Compression(#[from] std::io::Error),
    #[error("{0}")]
    Storage(#[from] fjall::Error),
    #[error("the log can't be opened again: {0}")]
    Reopen(#[from] OpenEmbeddedError),
    #[error("the log is closed")]
    Closed,
}

impl CommitError {
    /// What it means for whoever waits: only a write that was begun can leave something behind.
    fn told(&self) -> AppendError {
        let reason = self.to_string();
        match self {
            Self::Storage(fjall::Error::Poisoned) | Self::Compression(_) | Self::Reopen(_) | Self::Closed => {
                AppendError::Refused { reason }
            }
            Self::Storage(_) => AppendError::Unknown { reason },
        }
    }
}

pub(super) struct Writer {
    store: Arc<SharedStore>,
    clock: Clock,
    encoder: BlockEncoder,
    /// The newest timestamp, so that a clock that steps back does not take the log with it.
    newest_ms: i64,
    /// Whether the last commit failed, so that what is on disk has to be read before the next.
    failed: bool,
}

impl Writer {
    pub(super) fn new(store: Arc<SharedStore>, clock: Clock) -> std::io::Result<Self> {
        let newest_ms = store.newest_ms();
        Ok(Self { store, clock, encoder: BlockEncoder::new()?, newest_ms, failed: false })
    }

    /// Runs until the log is closed and nothing waits.
    pub(super) fn run(mut self, waiting: &Receiver<Append>) {
        while let Ok(first) = waiting.recv() {
            let mut bytes = append_bytes(&first);
            let mut appends = vec![first];
            while bytes < COMMIT_BYTES
                && let Ok(append) = waiting.try_recv()
            {
                bytes += append_bytes(&append);
                appends.push(append);
            }
            self.commit_all(appends);
        }
    }

    fn commit_all(&mut self, appends: Vec<Append>) {
        let mut outcome = self.commit(&appends);
        if matches!(outcome, Err(CommitError::Storage(fjall::Error::Poisoned))) {
            // Something failed before these records came: they were not touched.
            self.failed = true;
            outcome = self.commit(&appends);
        }
        match outcome {
            Ok(positions) => {
                for (append, positions) in appends.into_iter().zip(positions) {
                    // Whoever no longer waits does not need the answer.
                    let _ = append.reply.send(Ok(positions));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "records could not be written to the log");
                self.failed = true;
                for append in appends {
                    let _ = append.reply.send(Err(error.told()));
                }
            }
        }
    }

    /// Makes all of them durable in one commit; the positions of each.
    fn commit(&mut self, appends: &[Append]) -> Result<Vec<Vec<Position>>, CommitError> {
        if self.failed {
            self.store.reopen()?;
            self.failed = false;
        }
        self.newest_ms = self.newest_ms.max(self.clock.now().date().0);
        let mut partitions: BTreeMap<PartitionKey, Vec<&NewRecord>> = BTreeMap::new();
        let mut positions = Vec::with_capacity(appends.len());
        for append in appends {
            let mut places = Vec::with_capacity(append.records.len());
            for record in &append.records {
                let key = (append.topic, record.partition);
                let records = partitions.entry(key).or_default();
                places
                    .push(Position { partition: record.partition, offset: self.store.end(key) + records.len() as u64 });
                records.push(record);
            }
            positions.push(places);
        }
        let ends = self.write(&partitions)?;
        self.store.grow(&ends);
        Ok(positions)
    }

    fn write(
        &mut self,
        partitions: &BTreeMap<PartitionKey, Vec<&NewRecord>>,
    ) -> Result<BTreeMap<PartitionKey, Offset>, CommitError> {
        let guard = self.store.read();
        let store = guard.as_ref().ok_or(CommitError::Closed)?;
        let mut batch = store.database.batch().durability(Some(PersistMode::SyncData));
        let mut ends = BTreeMap::new();
        for (key, records) in partitions {
            let keyspace = store.keyspaces.get(key).ok_or(CommitError::Closed)?;
            let mut end = self.store.end(*key);
            for records in blocks(records) {
                batch.insert(keyspace, end.to_be_bytes(), self.encoder.encode(self.newest_ms, records)?);
                end += records.len() as u64;
            }
            ends.insert(*key, end);
        }
        batch.commit()?;
        Ok(ends)
    }
}

fn append_bytes(append: &Append) -> usize {
    append.records.iter().map(NewRecord::bytes).sum()
}

/// Splits records into blocks of about [`BLOCK_BYTES`].
fn blocks<'a, 'r>(mut records: &'a [&'r NewRecord]) -> Vec<&'a [&'r NewRecord]> {
    let mut blocks = Vec::new();
    while !records.is_empty() {
        let mut bytes = 0;
        let fitting = records.iter().take_while(|record| {
            let fits = bytes < BLOCK_BYTES;
            bytes += record.bytes();
            fits
        });
        let (block, rest) = records.split_at(fitting.count());
        blocks.push(block);
        records = rest;
    }
    blocks
}
