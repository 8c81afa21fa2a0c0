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
use super::dictionary::Training;
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
    training: Training,
    /// The newest timestamp, so that a clock that steps back does not take the log with it.
    newest_ms: i64,
    /// Whether the last commit failed, so that what is on disk has to be read before the next.
    failed: bool,
}

impl Writer {
    pub(super) fn new(store: Arc<SharedStore>, clock: Clock) -> Result<Self, OpenEmbeddedError> {
        let newest_ms = store.newest_ms();
        let (encoder, training) = encoding(&store)?;
        Ok(Self { store, clock, encoder, training, newest_ms, failed: false })
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
            // A dictionary that did not come to the disk must not be used.
            (self.encoder, self.training) = encoding(&self.store)?;
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
        if let Some(dictionary) = self.training.made() {
            self.encoder = BlockEncoder::new(Some(&dictionary))?;
            batch.insert(&store.about, dictionary.id.key(), dictionary.bytes);
        }
        let mut ends = BTreeMap::new();
        for (key, records) in partitions {
            let keyspace = store.keyspaces.get(key).ok_or(CommitError::Closed)?;
            let mut end = self.store.end(*key);
            for records in blocks(records) {
                batch.insert(keyspace, end.to_be_bytes(), self.encoder.encode(self.newest_ms, records)?);
                end += records.len() as u64;
            }
            if key.0 == Topic::Calls {
                for record in records {
                    self.training.see(record);
                }
            }
            ends.insert(*key, end);
        }
        batch.commit()?;
        Ok(ends)
    }
}

/// What encodes the log's next block, and what makes the dictionary of later ones.
fn encoding(store: &SharedStore) -> Result<(BlockEncoder, Training), OpenEmbeddedError> {
    let newest = store.newest_dictionary()?;
    let encoder = BlockEncoder::new(newest.as_ref()).map_err(OpenEmbeddedError::Compression)?;
    Ok((encoder, Training::new(newest.map(|newest| newest.id))))
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

    use bytes::Bytes;

    use super::*;
    use crate::embedded::block::BlockDecoder;
    use crate::embedded::dictionary::{Dictionary, DictionaryId};

    fn append(number: usize) -> Append {
        // As a prompt that is always the same, and has nothing twice.
        let words = (0..200_u32).map(|word| format!("{:08x} ", word.wrapping_mul(0x9e37_79b1)));
        let value = format!("{number} {}", words.collect::<String>());
        let record = NewRecord { partition: 0, key: "key".into(), value: Some(value.into()), headers: Vec::new() };
        Append { topic: Topic::Calls, records: vec![record], reply: oneshot::channel().0 }
    }

    fn values(store: &SharedStore) -> Vec<Bytes> {
        let mut decoder = BlockDecoder::new().expect("memory");
        let records = store.records(&mut decoder, (Topic::Calls, 0), 0, usize::MAX).expect("readable");
        records.into_iter().filter_map(|record| record.value).collect()
    }

    fn sent(count: usize) -> Vec<Bytes> {
        (0..count).filter_map(|number| append(number).records.remove(0).value).collect()
    }

    #[test]
    fn a_log_learns_what_its_records_have_in_common() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Arc::new(SharedStore::open(folder.path(), 1).expect("a new log"));
        let mut writer = Writer::new(Arc::clone(&store), Clock::system()).expect("a writer");
        let (mut count, start) = (0, Instant::now());
        while store.newest_dictionary().expect("readable").is_none() {
            assert!(start.elapsed() < Duration::from_mins(1), "nothing is learned of {count} records");
            writer.commit(&[append(count)]).expect("appended");
            count += 1;
        }
        let sizes = {
            let guard = store.read();
            let keyspace = &guard.as_ref().expect("open").keyspaces[&(Topic::Calls, 0)];
            let blocks = [keyspace.first_key_value(), keyspace.last_key_value()];
            blocks.map(|block| block.expect("there are blocks").size().expect("readable"))
        };
        assert!(sizes[1] * 4 < sizes[0], "the first and the last block: {sizes:?}");
        assert_eq!(values(&store), sent(count));

        drop((writer, store));
        let store = Arc::new(SharedStore::open(folder.path(), 1).expect("the log opens"));
        assert_eq!(values(&store), sent(count));
        let mut writer = Writer::new(Arc::clone(&store), Clock::system()).expect("a writer");
        writer.commit(&[append(count)]).expect("appended");
        assert_eq!(values(&store), sent(count + 1));
    }

    #[test]
    fn a_dictionary_that_did_not_come_to_the_disk_is_not_used() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Arc::new(SharedStore::open(folder.path(), 1).expect("a new log"));
        let mut writer = Writer::new(Arc::clone(&store), Clock::system()).expect("a writer");
        let lost = Dictionary::of(&sent(500), DictionaryId::FIRST).expect("they have much in common");
        writer.encoder = BlockEncoder::new(Some(&lost)).expect("memory");
        writer.failed = true;
        writer.commit(&[append(0)]).expect("appended");
        assert_eq!(values(&store), sent(1));
    }

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
