//! The one writer of an embedded log: what waits is committed together and acknowledged together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

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

/// How long a log that failed waits for an append before it is opened again without one.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

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
        while let Some(first) = self.next(waiting) {
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

    /// What comes next, none once the log is closed. A log that failed is opened again whether or not something comes:
    /// until then it can't be read either.
    fn next(&mut self, waiting: &Receiver<Append>) -> Option<Append> {
        while self.failed {
            match waiting.recv_timeout(REOPEN_EVERY) {
                Ok(append) => return Some(append),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.recover() {
                        tracing::debug!(error = %error, "the log can't be opened again yet");
                    }
                }
            }
        }
        waiting.recv().ok()
    }

    /// Reads what is on disk, if the last commit failed.
    fn recover(&mut self) -> Result<(), OpenEmbeddedError> {
        if self.failed {
            self.store.reopen()?;
            self.failed = false;
        }
        Ok(())
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
        self.recover()?;
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_log_that_failed_can_be_read_again_though_nobody_appends() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let (folder, aside) = (parent.path().join("log"), parent.path().join("aside"));
        let store = Arc::new(SharedStore::open(&folder, 1).expect("a new log"));
        let mut writer = Writer::new(Arc::clone(&store), Clock::system()).expect("a writer");
        writer.failed = true;
        std::fs::rename(&folder, &aside).expect("moved");
        let (appends, waiting) = channel();
        let thread = std::thread::spawn(move || writer.run(&waiting));
        let (reply, refused) = oneshot::channel();
        appends.send(Append { topic: Topic::Calls, records: Vec::new(), reply }).expect("the writer listens");
        assert!(matches!(refused.await, Ok(Err(AppendError::Refused { .. }))));
        assert!(store.bounds(Topic::Calls, 0).is_err());
        std::fs::rename(&aside, &folder).expect("moved back");
        let start = Instant::now();
        while store.bounds(Topic::Calls, 0).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "it stays closed");
            std::thread::yield_now();
        }
        drop(appends);
        thread.join().expect("it ends");
    }
}
