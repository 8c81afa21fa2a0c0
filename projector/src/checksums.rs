//! The files of an index, compared with their checksums.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use tantivy::directory::error::OpenReadError;
use tantivy::{Directory as _, HasLen as _, Index, SegmentMeta, TantivyError};

use crate::writer::folder::is_damage;

/// tantivy's list of the files that it has written and not deleted.
const LIST_OF_FILES: &str = ".managed.json";

/// A file of an index that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamagedFile {
    #[error("the file {} does not have its checksum", .0.display())]
    WrongChecksum(PathBuf),
    #[error("the file {} is missing", .0.display())]
    Missing(PathBuf),
    #[error("the list of files lacks the file {}", .0.display())]
    Unlisted(PathBuf),
}

/// The files of the last commit's segments, those of the smallest first: they are the newest.
pub(crate) fn files(index: &Index) -> Result<Vec<PathBuf>, TantivyError> {
    let meta = index.load_metas()?;
    let names = meta.list_segment_files();
    let mut segments = meta.segments;
    segments.sort_by_key(SegmentMeta::max_doc);
    let mut files = Vec::with_capacity(names.len());
    for segment in segments {
        let id = segment.id().uuid_string();
        files.extend(names.iter().filter(|name| name.to_str().is_some_and(|name| name.starts_with(&id))).cloned());
    }
    Ok(files)
}

/// How large a file is, and what is wrong with it. A file that no segment has any more is as good as sound: a merge may
/// have taken it away just now.
pub(crate) fn check(index: &Index, file: &Path) -> Result<(u64, Option<DamagedFile>), TantivyError> {
    let (bytes, damage) = examine(index, file)?;
    let is_current = damage.is_none() || index.load_metas()?.list_segment_files().contains(file);
    Ok((bytes, damage.filter(|_| is_current)))
}

fn examine(index: &Index, file: &Path) -> Result<(u64, Option<DamagedFile>), TantivyError> {
    let directory = index.directory();
    let is_listed = listed(index)?.contains(file);
    if !directory.exists(file)? {
        // A segment without deletes, for one, has no file of them.
        return Ok((0, is_listed.then(|| DamagedFile::Missing(file.to_owned()))));
    }
    if !is_listed {
        return Ok((0, Some(DamagedFile::Unlisted(file.to_owned()))));
    }
    let checked = directory.open_read(file).and_then(|opened| Ok((opened.len(), directory.validate_checksum(file)?)));
    match checked {
        Ok((bytes, true)) => Ok((bytes as u64, None)),
        Ok((bytes, false)) => Ok((bytes as u64, Some(DamagedFile::WrongChecksum(file.to_owned())))),
        Err(OpenReadError::FileDoesNotExist(_)) => Ok((0, Some(DamagedFile::Missing(file.to_owned())))),
        Err(error) => {
            let error = TantivyError::from(error);
            // The end of a file, with the checksum, is damaged too.
            if is_damage(&error) { Ok((0, Some(DamagedFile::WrongChecksum(file.to_owned())))) } else { Err(error) }
        }
    }
}

fn listed(index: &Index) -> Result<HashSet<PathBuf>, TantivyError> {
    match index.directory().atomic_read(Path::new(LIST_OF_FILES)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(OpenReadError::FileDoesNotExist(_)) => Ok(HashSet::new()),
        Err(error) => Err(error.into()),
    }
}
