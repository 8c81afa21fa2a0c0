//! The folder that holds a process's data: one process at a time, one known layout.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// The newest layout that this build knows.
const FORMAT_VERSION: u32 = 2;
/// That of a folder without an embedded log, and of one whose log has no dictionaries: builds before this one know it.
const FORMAT_WITHOUT_DICTIONARIES: u32 = 1;

/// A data folder, held by this process until it is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    format: u32,
    /// Holds the lock for as long as it is open.
    _lock: File,
}

/// Why a data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error("the data folder {path:?} is in use by {holder}")]
    InUse { path: PathBuf, holder: String },
    #[error(
        "the data folder {path:?} was written by a newer llm-log (format {found}, this one knows {FORMAT_VERSION}): \
         use that version or a newer one"
    )]
    Newer { path: PathBuf, found: u32 },
    #[error("the data folder {path:?} has a file \"version\" that is not one of llm-log's")]
    NotOurs { path: PathBuf },
    #[error("the data folder {path:?} can't be used")]
    Io { path: PathBuf, source: io::Error },
}

impl DataFolder {
    /// Creates the folder if it is new, and takes it for this process.
    pub fn open(path: &Path) -> Result<Self, DataFolderError> {
        let failed = |source| DataFolderError::Io { path: path.to_owned(), source };
        make_durably(path).map_err(failed)?;
        let lock = take_lock(path)?;
        let format = version(path)?;
        Ok(Self { path: path.to_owned(), format, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that an embedded log is in the folder that builds without dictionaries can't read.
    pub fn raise_format(&self) -> Result<(), DataFolderError> {
        if self.format < FORMAT_VERSION {
            let failed = |source| DataFolderError::Io { path: self.path.clone(), source };
            write_version(&self.path, FORMAT_VERSION).map_err(failed)?;
        }
        Ok(())
    }

    /// Where the embedded log is.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Where the index is.
    pub fn index(&self) -> PathBuf {
        self.path.join("index")
    }
}

/// Makes the folder and those above it that are missing, and sees to it that a power cut leaves them there.
fn make_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_durably(parent)?;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

fn take_lock(path: &Path) -> Result<File, DataFolderError> {
    let failed = |source| DataFolderError::Io { path: path.to_owned(), source };
    let options = || OpenOptions::new().create(true).truncate(false).read(true).write(true).to_owned();
    let mut lock = options().open(path.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            lock.read_to_string(&mut holder).map_err(failed)?;
            let holder = if holder.trim().is_empty() { "another process".to_owned() } else { holder.trim().to_owned() };
            return Err(DataFolderError::InUse { path: path.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    lock.set_len(0).map_err(failed)?;
    lock.rewind().map_err(failed)?;
    let command: Vec<String> = std::env::args().take(2).collect();
    writeln!(lock, "process {} ({})", std::process::id(), command.join(" ")).map_err(failed)?;
    Ok(lock)
}

/// The format of the folder, which it has from now on if it is new.
fn version(path: &Path) -> Result<u32, DataFolderError> {
    let failed = |source| DataFolderError::Io { path: path.to_owned(), source };
    let file = path.join("version");
    match std::fs::read_to_string(&file) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found > FORMAT_VERSION => Err(DataFolderError::Newer { path: path.to_owned(), found }),
            Ok(found) => Ok(found),
            Err(_) => Err(DataFolderError::NotOurs { path: path.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_version(path, FORMAT_WITHOUT_DICTIONARIES).map_err(failed)?;
            Ok(FORMAT_WITHOUT_DICTIONARIES)
        }
        Err(source) => Err(failed(source)),
    }
}

/// Written beside and renamed, so that a kill leaves a whole file.
fn write_version(path: &Path, version: u32) -> io::Result<()> {
    let draft = path.join("version.new");
    let mut new = File::create(&draft)?;
    writeln!(new, "{version}")?;
    new.sync_all()?;
    std::fs::rename(&draft, path.join("version"))?;
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opener_is_told_who_holds_the_folder() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let path = parent.path().join("new/data");
        let first = DataFolder::open(&path).expect("the folder is free");
        let error = DataFolder::open(&path).expect_err("the folder is held").to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        DataFolder::open(&path).expect("the folder is free again");
    }

    #[test]
    fn a_folder_is_of_a_new_format_only_once_it_has_what_older_builds_can_not_read() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let version = || std::fs::read_to_string(parent.path().join("version")).expect("readable");
        let folder = DataFolder::open(parent.path()).expect("new");
        assert_eq!(version(), "1\n");
        folder.raise_format().expect("writable");
        drop(folder);
        DataFolder::open(parent.path()).expect("known").raise_format().expect("nothing to do");
        assert_eq!(version(), "2\n");
    }

    #[test]
    fn a_folder_of_a_newer_version_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("version"), "3\n").expect("writable");
        let error = DataFolder::open(folder.path()).expect_err("newer").to_string();
        assert!(error.contains("was written by a newer llm-log (format 3, this one knows 2)"), "{error}");
        std::fs::write(folder.path().join("version"), "hello").expect("writable");
        assert!(matches!(DataFolder::open(folder.path()), Err(DataFolderError::NotOurs { .. })));
    }
}
