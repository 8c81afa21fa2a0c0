//! The database below an embedded log, shared by its writer and its readers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use schemas::id::Partition;
use schemas::positions::Offset;

use super::OpenEmbeddedError;
use super::block::{BlockDecoder, DamagedBlock, first_offset};
use super::dictionary::{Dictionary, DictionaryId};
use crate::log::{Bounds, LogRecord, ReadLogError, Topic};

/// Blocks that the database keeps in memory, in bytes.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// Writes that the database keeps in memory before it sorts them to disk, in bytes, of one partition.
const MEMTABLE_BYTES: u64 = 2 * 1024 * 1024;
/// Journals kept before the database sorts the oldest writes to disk, in bytes.
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;

const ABOUT: &str = "about";
const PARTITIONS_KEY: &str = "partitions";

pub(super) type PartitionKey = (Topic, Partition);

/// The open database. Replaced as a whole when a write failed, since nothing is known of it then.
pub(super) struct Store {
    pub(super) database: Database,
    /// How many partitions there are, and the dictionaries. Without it a log is not opened.
    pub(super) about: Keyspace,
    pub(super) keyspaces: BTreeMap<PartitionKey, Keyspace>,
}

/// The store and how far it is durable.
pub(super) struct SharedStore {
    folder: PathBuf,
    partitions: u32,
    /// The newest timestamp that the log had when it was opened.
    newest_ms: i64,
    store: RwLock<Option<Store>>,
    /// The end of every partition: all before it is durable, nothing after it is shown.
    ends: Mutex<BTreeMap<PartitionKey, Offset>>,
    grown: Condvar,
}

impl std::fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedStore")
            .field("folder", &self.folder)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, or makes it with so many partitions.
    fn open(folder: &Path, new_partitions: Option<u32>) -> Result<(Self, u32), OpenEmbeddedError> {
        let database = Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            // Blocks come compressed.
            .journal_compression(fjall::CompressionType::None)
            .worker_threads(1)
            .open()?;
        let about = database.keyspace(ABOUT, KeyspaceCreateOptions::default)?;
        let partitions = match (about.get(PARTITIONS_KEY)?, new_partitions) {
            (Some(bytes), _) => u32::from_be_bytes(bytes.as_ref().try_into().map_err(|_| DamagedBlock::Key)?),
            (None, Some(new)) => {
                about.insert(PARTITIONS_KEY, new.to_be_bytes())?;
                new
            }
            (None, None) => return Err(OpenEmbeddedError::NoBeginning),
        };
        // A process that was killed may have left whole commits that are not on disk yet: nobody may see them before.
        database.persist(fjall::PersistMode::SyncAll)?;
        let keys = (0..partitions)
            .map(|partition| (Topic::Calls, partition))
            .chain([(Topic::Reference, 0), (Topic::DeadLetters, 0)]);
        let keyspaces = keys
            .map(|(topic, partition)| {
                let name = format!("{}-{partition}", topic_name(topic));
                let keyspace = database.keyspace(&name, || {
                    KeyspaceCreateOptions::default()
                        .max_memtable_size(MEMTABLE_BYTES)
                        .data_block_compression_policy(fjall::config::CompressionPolicy::disabled())
                })?;
                Ok(((topic, partition), keyspace))
            })
            .collect::<Result<_, fjall::Error>>()?;
        Ok((Self { database, about, keyspaces }, partitions))
    }

    fn newest_dictionary(&self) -> Result<Option<Dictionary>, OpenEmbeddedError> {
        let Some(last) = self.about.prefix(DictionaryId::KEYS).next_back() else { return Ok(None) };
        let (id, bytes) = last.into_inner()?;
        let id = DictionaryId::of_key(&id).ok_or(DamagedBlock::Key)?;
        Ok(Some(Dictionary { id, bytes: bytes.to_vec() }))
    }

    /// The dictionary that a decoder lacks for a block, if the log has it.
    fn lacking(
        &self,
        decoder: &BlockDecoder,
        block: &[u8],
    ) -> Result<Option<(DictionaryId, fjall::Slice)>, fjall::Error> {
        let Some(id) = decoder.lacks(block) else { return Ok(None) };
        Ok(self.about.get(id.key())?.map(|dictionary| (id, dictionary)))
    }

    /// The end of every partition, and the newest timestamp.
    fn ends(&self) -> Result<(BTreeMap<PartitionKey, Offset>, i64), OpenEmbeddedError> {
        let mut ends = BTreeMap::new();
        let mut newest_ms = 0;
        let mut decoder = BlockDecoder::new().map_err(OpenEmbeddedError::Compression)?;
        for (key, keyspace) in &self.keyspaces {
            let end = match keyspace.last_key_value() {
                Some(last) => {
                    let (first, block) = last.into_inner()?;
                    if let Some((id, dictionary)) = self.lacking(&decoder, &block)? {
                        decoder.learn(id, &dictionary)?;
                    }
                    let plain = decoder.decode(&block)?;
                    let block = plain.block()?;
                    newest_ms = newest_ms.max(block.timestamp_ms);
                    first_offset(&first)? + block.len()
                }
                None => 0,
            };
            ends.insert(*key, end);
        }
        Ok((ends, newest_ms))
    }
}

fn is_absent(folder: &Path) -> std::io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Makes an empty log beside the folder and moves it there, so that the folder never holds a part of one.
fn make(folder: &Path, partitions: u32) -> Result<(), OpenEmbeddedError> {
    let mut draft = folder.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    if draft.try_exists()? {
        fs::remove_dir_all(&draft)?;
    }
    drop(Store::open(&draft, Some(partitions))?);
    fs::rename(&draft, folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// Opens a log that was made. The database would take one whose journals are gone for one that had nothing in them.
fn open_made(folder: &Path) -> Result<(Store, u32), OpenEmbeddedError> {
    let mut has_journal = false;
    for entry in fs::read_dir(folder)? {
        has_journal |= entry?.path().extension().is_some_and(|extension| extension == "jnl");
    }
    if has_journal { Store::open(folder, None) } else { Err(OpenEmbeddedError::NoJournal) }
}

fn topic_name(topic: Topic) -> &'static str {
    match topic {
        Topic::Calls => "calls",
        Topic::Reference => "reference",
        Topic::DeadLetters => "dead-letters",
    }
}

impl SharedStore {
    pub(super) fn open(folder: &Path, new_partitions: u32) -> Result<Self, OpenEmbeddedError> {
        if is_absent(folder)? {
            make(folder, new_partitions)?;
        }
        let (store, partitions) = open_made(folder)?;
        let (ends, newest_ms) = store.ends()?;
        Ok(Self {
            folder: folder.to_owned(),
            partitions,
            newest_ms,
            store: RwLock::new(Some(store)),
            ends: Mutex::new(ends),
            grown: Condvar::new(),
        })
    }

    /// Closes the database and opens it again: what it says then is what is on disk.
    pub(super) fn reopen(&self) -> Result<(), OpenEmbeddedError> {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        *store = None;
        let (new, _) = open_made(&self.folder)?;
        (*self.lock_ends(), _) = new.ends()?;
        *store = Some(new);
        self.grown.notify_all();
        Ok(())
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Option<Store>> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn newest_dictionary(&self) -> Result<Option<Dictionary>, OpenEmbeddedError> {
        self.read().as_ref().ok_or(OpenEmbeddedError::Closed)?.newest_dictionary()
    }

    fn lock_ends(&self) -> MutexGuard<'_, BTreeMap<PartitionKey, Offset>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn partitions(&self, topic: Topic) -> u32 {
        if topic == Topic::Calls { self.partitions } else { 1 }
    }

    pub(super) fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    pub(super) fn end(&self, key: PartitionKey) -> Offset {
        self.lock_ends().get(&key).copied().unwrap_or(0)
    }

    /// Shows readers what has become durable.
    pub(super) fn grow(&self, ends: &BTreeMap<PartitionKey, Offset>) {
        self.lock_ends().extend(ends);
        self.grown.notify_all();
    }

    /// Waits until one of the partitions is longer than it was for its reader.
    pub(super) fn wait(&self, topic: Topic, next: &BTreeMap<Partition, Offset>, wait: Duration) {
        let nothing_new = |ends: &mut BTreeMap<PartitionKey, Offset>| {
            next.iter().all(|(partition, next)| ends.get(&(topic, *partition)).is_none_or(|end| end <= next))
        };
        let waited = self.grown.wait_timeout_while(self.lock_ends(), wait, nothing_new);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
        let store = self.read();
        let keyspace = keyspace(store.as_ref().ok_or_else(reopening)?, (topic, partition))?;
        let end = self.end((topic, partition));
        let start = match keyspace.first_key_value() {
            Some(first) => first_offset(&first.key().map_err(unavailable)?).map_err(damaged)?.min(end),
            None => end,
        };
        Ok(Bounds { start, end })
    }

    /// Records of a partition from an offset on, about as many as fit.
    pub(super) fn records(
        &self,
        decoder: &mut BlockDecoder,
        key: PartitionKey,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, ReadLogError> {
        let end = self.end(key);
        let mut records = Vec::new();
        if from >= end {
            return Ok(records);
        }
        let store = self.read();
        let store = store.as_ref().ok_or_else(reopening)?;
        let keyspace = keyspace(store, key)?;
        // The block that holds `from` starts at it or before it.
        let first = match keyspace.range(..=from.to_be_bytes()).next_back() {
            Some(block) => first_offset(&block.key().map_err(unavailable)?).map_err(damaged)?,
            None => from,
        };
        let mut bytes = 0;
        for entry in keyspace.range(first.to_be_bytes()..end.to_be_bytes()) {
            let (first, block) = entry.into_inner().map_err(unavailable)?;
            let first = first_offset(&first).map_err(damaged)?;
            if let Some((id, dictionary)) = store.lacking(decoder, &block).map_err(unavailable)? {
                decoder.learn(id, &dictionary).map_err(damaged)?;
            }
            let plain = decoder.decode(&block).map_err(damaged)?;
            let block = plain.block().map_err(damaged)?;
            for record in block.records(&plain, key.1, first, from) {
                bytes += record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len);
                records.push(record);
            }
            if bytes >= max_bytes {
                break;
            }
        }
        Ok(records)
    }
}

fn reopening() -> ReadLogError {
    ReadLogError::Unavailable { reason: "the log is being reopened".into() }
}

fn keyspace(store: &Store, key: PartitionKey) -> Result<&Keyspace, ReadLogError> {
    let missing = || ReadLogError::Unavailable { reason: format!("there is no partition {} of {:?}", key.1, key.0) };
    store.keyspaces.get(&key).ok_or_else(missing)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn damaged(error: DamagedBlock) -> ReadLogError {
    ReadLogError::Damaged { reason: error.to_string() }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn unavailable(error: fjall::Error) -> ReadLogError {
    ReadLogError::Unavailable { reason: error.to_string() }
}
