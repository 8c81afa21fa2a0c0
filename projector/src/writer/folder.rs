//! The folder of the index: opened when it fits, set aside when it does not.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemas::id::{LogId, Partition};
use tantivy::directory::MmapDirectory;
use tantivy::directory::error::OpenReadError;
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{Directory, Index, IndexReader, IndexSettings, ReloadPolicy, TantivyError};

use crate::checkpoint::{Checkpoint, UnusablePayload};
use crate::checksums;
use crate::damage_checks::Damage;
use crate::index::schema::CallFields;
use crate::index::words::register_words;
use crate::writer::fence::{Fence, FencedDirectory};

/// How much of the index is the newest and smallest segments, which a power cut can have torn.
const NEWEST_BYTES: u64 = 256 * 1024 * 1024;
/// What the folder of a damaged index that was set aside is called, behind its own name.
const SET_ASIDE: &str = ".set-aside";
/// The same of one that was outdated.
const OUTDATED: &str = ".outdated";

/// What of the index is compared with its checksums before it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The rest is compared while it serves.
    Newest,
    All,
}

/// Why an index is not read on.
#[derive(Debug, thiserror::Error)]
pub enum UnusableIndex {
    #[error("it can't be opened")]
    Damaged(#[source] TantivyError),
    #[error("it can't be read on: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Damage(#[from] Damage),
    #[error("it has files and no list of segments")]
    NoSegments,
    #[error("it was written by a build with other fields")]
    OtherFields {
        /// The log that it is of.
        log: LogId,
    },
    #[error(transparent)]
    Payload(#[from] UnusablePayload),
    #[error("it was folded by version {0}")]
    OtherFold(u32),
    #[error("it is of the log {0}")]
    OtherLog(LogId),
    #[error("it is of the partitions {0:?}")]
    OtherPartitions(BTreeSet<Partition>),
}

/// Why an index can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenIndexError {
    #[error("the index can't be used")]
    Unusable(#[from] UnusableIndex),
    /// Trying again may help.
    #[error("the index can't be opened now")]
    Failed(#[source] TantivyError),
}

impl From<TantivyError> for OpenIndexError {
    fn from(error: TantivyError) -> Self {
        if is_damage(&error) { Self::Unusable(UnusableIndex::Damaged(error)) } else { Self::Failed(error) }
    }
}

impl From<OpenReadError> for OpenIndexError {
    fn from(error: OpenReadError) -> Self {
        Self::from(TantivyError::from(error))
    }
}

/// An index and how far it has read the log.
pub(crate) struct OpenedIndex {
    /// Keeps the index open to changes.
    pub(crate) fence: Fence,
    /// The directory below the fence.
    pub(crate) directory: Box<dyn Directory>,
    /// The same, when it is one of files.
    pub(crate) files: Option<IndexFiles>,
    pub(crate) index: Index,
    /// Opened at the last commit; reloaded by hand.
    pub(crate) reader: IndexReader,
    pub(crate) checkpoint: Checkpoint,
}

/// The files of an index.
#[derive(Debug)]
pub(crate) struct IndexFiles {
    pub(crate) folder: PathBuf,
    pub(crate) directory: MmapDirectory,
}

/// Whether the error comes from what is on disk, so that trying again can't help.
pub(crate) fn is_damage(error: &TantivyError) -> bool {
    let damaged = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::NotFound)
    };
    match error {
        TantivyError::DataCorruption(_)
        | TantivyError::IncompatibleIndex(_)
        | TantivyError::SchemaError(_)
        | TantivyError::DeserializeError(_)
        | TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_) | OpenReadError::IncompatibleIndex(_)) => true,
        TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) => damaged(io_error),
        TantivyError::IoError(error) => damaged(error),
        _ => false,
    }
}

/// Whether the error may come from what is on disk. That of a decoder is not told from others.
pub(crate) fn may_be_damage(error: &TantivyError) -> bool {
    let is_of_decoder = matches!(error, TantivyError::IoError(error) if error.raw_os_error().is_none());
    is_of_decoder || is_damage(error)
}

/// Opens the index that is in the folder; none when there is none.
pub(crate) fn open(folder: &Path, fields: &CallFields, check: Check) -> Result<Option<OpenedIndex>, OpenIndexError> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
    if !Index::exists(&directory)? {
        return if has_segments(folder)? { Err(UnusableIndex::NoSegments.into()) } else { Ok(None) };
    }
    let opened = checked(directory.clone(), fields, check)?;
    Ok(Some(OpenedIndex { files: Some(IndexFiles { folder: folder.to_owned(), directory }), ..opened }))
}

/// Whether there are files of segments. What a crash left while the index was made is no more than lists and locks.
fn has_segments(folder: &Path) -> Result<bool, OpenIndexError> {
    for entry in fs::read_dir(folder).map_err(TantivyError::from)? {
        let name = entry.map_err(TantivyError::from)?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
pub(crate) fn open_in(directory: impl Directory, fields: &CallFields) -> Result<OpenedIndex, OpenIndexError> {
    checked(directory, fields, Check::Newest)
}

fn checked(directory: impl Directory, fields: &CallFields, check: Check) -> Result<OpenedIndex, OpenIndexError> {
    let opened = reopen_in(Box::new(directory), fields)?;
    check_files(&opened.index, check)?;
    Ok(opened)
}

/// Opens an index that this process had open just now: its checksums are not looked at again.
pub(crate) fn reopen_in(directory: Box<dyn Directory>, fields: &CallFields) -> Result<OpenedIndex, OpenIndexError> {
    let (fenced, fence) = FencedDirectory::new(directory.clone());
    let index = Index::open(fenced)?;
    let checkpoint = Checkpoint::parse(index.load_metas()?.payload.as_deref()).map_err(UnusableIndex::from)?;
    if index.schema() != fields.schema {
        return Err(UnusableIndex::OtherFields { log: checkpoint.log }.into());
    }
    register_words(&index);
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    Ok(OpenedIndex { fence, directory, files: None, index, reader, checkpoint })
}

/// Opens the index of this log, fold and list of partitions, or makes an empty one where there is none.
pub(crate) fn open_or_create(
    folder: &Path,
    fields: &CallFields,
    wanted: &Checkpoint,
    check: Check,
) -> Result<OpenedIndex, OpenIndexError> {
    let opened = match open(folder, fields, check) {
        Ok(Some(opened)) => opened,
        Ok(None) => return create(folder, fields, wanted),
        // A crash between making an index and its first commit leaves no payload and no documents.
        Err(OpenIndexError::Unusable(UnusableIndex::Payload(UnusablePayload::Missing))) if is_empty(folder)? => {
            return create(folder, fields, wanted);
        }
        Err(OpenIndexError::Unusable(UnusableIndex::OtherFields { log })) if log != wanted.log => {
            return Err(UnusableIndex::OtherLog(log).into());
        }
        Err(error) => return Err(error),
    };
    fits(&opened.checkpoint, wanted)?;
    Ok(opened)
}

fn is_empty(folder: &Path) -> Result<bool, OpenIndexError> {
    Ok(Index::open_in_dir(folder)?.searchable_segment_metas()?.is_empty())
}

fn fits(found: &Checkpoint, wanted: &Checkpoint) -> Result<(), UnusableIndex> {
    if found.log != wanted.log {
        return Err(UnusableIndex::OtherLog(found.log));
    }
    if found.fold_version != wanted.fold_version {
        return Err(UnusableIndex::OtherFold(found.fold_version));
    }
    if !found.partitions.keys().eq(wanted.partitions.keys()) {
        return Err(UnusableIndex::OtherPartitions(found.partitions.keys().copied().collect()));
    }
    Ok(())
}

fn create(folder: &Path, fields: &CallFields, wanted: &Checkpoint) -> Result<OpenedIndex, OpenIndexError> {
    fs::create_dir_all(folder).map_err(TantivyError::from)?;
    let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
    let files = IndexFiles { folder: folder.to_owned(), directory: directory.clone() };
    Ok(OpenedIndex { files: Some(files), ..create_in(directory, fields, wanted)? })
}

pub(crate) fn create_in(
    directory: impl Directory,
    fields: &CallFields,
    wanted: &Checkpoint,
) -> Result<OpenedIndex, OpenIndexError> {
    let directory: Box<dyn Directory> = Box::new(directory);
    let (fenced, fence) = FencedDirectory::new(directory.clone());
    let index = new_index(fenced, fields)?;
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    Ok(OpenedIndex { fence, directory, files: None, index, reader, checkpoint: wanted.clone() })
}

/// An empty index with the settings and the tokenizer of every index of calls, and nothing that a projector adds.
pub fn new_index(directory: impl Directory, fields: &CallFields) -> Result<Index, TantivyError> {
    let settings = IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor::default()),
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    let index = Index::create(directory, fields.schema.clone(), settings)?;
    register_words(&index);
    Ok(index)
}

fn check_files(index: &Index, check: Check) -> Result<(), OpenIndexError> {
    let mut checked = 0;
    for file in checksums::files(index)? {
        let (bytes, damage) = checksums::check(index, &file)?;
        if let Some(damage) = damage {
            return Err(UnusableIndex::from(Damage::from(damage)).into());
        }
        checked += bytes;
        if check == Check::Newest && checked >= NEWEST_BYTES {
            return Ok(());
        }
    }
    Ok(())
}

impl UnusableIndex {
    /// Whether nothing is wrong with it: another build made it, or one with another list of partitions.
    fn is_outdated(&self) -> bool {
        let is_of_newer = matches!(self, Self::Payload(UnusablePayload::UnknownVersion(_)));
        is_of_newer || matches!(self, Self::OtherFields { .. } | Self::OtherFold(_) | Self::OtherPartitions(_))
    }
}

/// Renames the folder out of the way and says what it is called now. Only the last damaged one is kept; an outdated one
/// goes once the new one is built, see [`delete_outdated`].
pub(crate) fn set_aside(folder: &Path, reason: &UnusableIndex) -> io::Result<PathBuf> {
    let aside = beside(folder, if reason.is_outdated() { OUTDATED } else { SET_ASIDE });
    delete(&aside)?;
    match fs::rename(folder, &aside) {
        // Somebody deleted it, which is as good.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(aside),
    }
}

/// Deletes the index that this one has replaced, if there is one.
pub(crate) fn delete_outdated(folder: &Path) -> io::Result<()> {
    delete(&beside(folder, OUTDATED))
}

fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    folder.with_file_name(name)
}

fn delete(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
