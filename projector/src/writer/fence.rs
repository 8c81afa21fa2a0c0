//! Keeps a writer that was given up from changing the index, and one whose list of segments could not be written.
//!
//! tantivy's writer leaves its merges running when it is dropped. One that ends later writes its own list of segments,
//! over the commits that another writer has made since. And when a commit can't write its list, its documents are in
//! the list that the next merge writes, under the positions before it and without the deletes that belong to them: a
//! call would be there twice, and reading it again would change nothing.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, TerminatingWrite, WatchCallback, WatchHandle, WritePtr,
};

use super::sealed_list::{check, is_list, sealed};

/// Closes the directory of one writer when dropped.
#[derive(Debug)]
pub(crate) struct Fence {
    state: Arc<RwLock<State>>,
    /// How many files are being written.
    writing: Arc<AtomicUsize>,
    /// How many threads index.
    indexing: Arc<AtomicUsize>,
}

impl Fence {
    /// For their priority, which they get as they open their files.
    pub(crate) fn set_indexing(&self, threads: usize) {
        self.indexing.store(threads, Ordering::Relaxed);
    }

    pub(crate) fn is_being_written(&self) -> bool {
        self.writing.load(Ordering::Relaxed) > 0
    }
}

/// A file that is being written.
struct CountedFile {
    file: WritePtr,
    writing: Arc<AtomicUsize>,
}

impl CountedFile {
    fn open(file: WritePtr, writing: &Arc<AtomicUsize>) -> WritePtr {
        writing.fetch_add(1, Ordering::Relaxed);
        // The file has a buffer of its own.
        WritePtr::with_capacity(0, Box::new(Self { file, writing: Arc::clone(writing) }))
    }
}

impl Drop for CountedFile {
    fn drop(&mut self) {
        self.writing.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Write for CountedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl TerminatingWrite for CountedFile {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        self.file.terminate_ref(token)
    }
}

/// Whether the directory can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    GivenUp,
    ListFailed,
}

impl Drop for Fence {
    /// Waits for a change that is under way; none begins after it.
    fn drop(&mut self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::GivenUp;
    }
}

/// A directory that can be read for ever, and changed until its fence is dropped or its list of segments can't be
/// written. The list is sealed.
#[derive(Clone)]
pub(crate) struct FencedDirectory {
    inner: Box<dyn Directory>,
    state: Arc<RwLock<State>>,
    writing: Arc<AtomicUsize>,
    indexing: Arc<AtomicUsize>,
}

impl FencedDirectory {
    pub(crate) fn new(inner: Box<dyn Directory>) -> (Self, Fence) {
        let state = Arc::new(RwLock::new(State::Open));
        let (writing, indexing): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let fence = Fence { state: Arc::clone(&state), writing: Arc::clone(&writing), indexing: Arc::clone(&indexing) };
        (Self { inner, state, writing, indexing }, fence)
    }

    fn change<T>(&self, change: impl FnOnce() -> T) -> Result<T, io::Error> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Open => Ok(change()),
            State::GivenUp => Err(io::Error::other("another writer has taken over")),
            State::ListFailed => Err(io::Error::other("the list of segments could not be written before")),
        }
    }

    /// Does a part of replacing the list of segments. tantivy replaces it on one thread, so that no other replacement
    /// comes between its failure and the end of all changes.
    fn replace_list(&self, part: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let replaced = part();
        if replaced.is_err() {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            if *state == State::Open {
                *state = State::ListFailed;
            }
        }
        replaced
    }
}

impl fmt::Debug for FencedDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FencedDirectory").field(&self.inner).finish()
    }
}

impl Directory for FencedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.inner.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        let closed = |error| DeleteError::IoError { io_error: Arc::new(error), filepath: path.to_path_buf() };
        self.change(|| self.inner.delete(path)).map_err(closed)?
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        crate::priority::let_others_go_first(self.indexing.load(Ordering::Relaxed));
        let closed = |error| OpenWriteError::wrap_io_error(error, path.to_path_buf());
        let file = self.change(|| self.inner.open_write(path)).map_err(closed)??;
        Ok(CountedFile::open(file, &self.writing))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let bytes = self.inner.atomic_read(path)?;
        if is_list(path) {
            check(&bytes).map_err(|error| OpenReadError::wrap_io_error(error, path.to_path_buf()))?;
        }
        Ok(bytes)
    }

    fn atomic_write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if is_list(path) {
            return self.replace_list(|| self.change(|| self.inner.atomic_write(path, &sealed(bytes)))?);
        }
        self.change(|| self.inner.atomic_write(path, bytes))?
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.replace_list(|| self.inner.sync_directory())
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.inner.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}

#[cfg(test)]
mod tests {
    use tantivy::directory::RamDirectory;

    use super::*;

    #[test]
    fn a_file_is_being_written_until_it_is_whole_or_given_up() {
        let (directory, fence) = FencedDirectory::new(Box::new(RamDirectory::default()));
        let [mut whole, given_up] =
            ["whole", "given up"].map(|name| directory.open_write(Path::new(name)).expect("new"));
        assert!(fence.is_being_written());
        whole.write_all(b"all of it").and_then(|()| whole.terminate()).expect("written");
        assert!(fence.is_being_written());
        drop(given_up);
        assert!(!fence.is_being_written());
        assert_eq!(directory.atomic_read(Path::new("whole")).expect("there"), b"all of it");
    }
}
