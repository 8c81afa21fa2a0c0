//! Keeps a writer that was given up from changing the index, and one whose list of segments could not be written.
//!
//! tantivy's writer leaves its merges running when it is dropped. One that ends later writes its own list of segments,
//! over the commits that another writer has made since. And when a commit can't write its list, its documents are in the
//! list that the next merge writes, under the positions before it and without the deletes that belong to them: a call
//! would be there twice, and reading it again would change nothing.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{Directory, DirectoryLock, FileHandle, Lock, WatchCallback, WatchHandle, WritePtr};

use super::seal::{check, is_list, sealed};

/// Closes the directory of one writer when dropped.
#[derive(Debug)]
pub(crate) struct Fence(Arc<RwLock<State>>);

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
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = State::GivenUp;
    }
}

/// A directory that can be read for ever, and changed until its fence is dropped or its list of segments can't be
/// written. The list is sealed.
#[derive(Clone)]
pub(crate) struct FencedDirectory {
    inner: Box<dyn Directory>,
    state: Arc<RwLock<State>>,
}

impl FencedDirectory {
    pub(crate) fn new(inner: Box<dyn Directory>) -> (Self, Fence) {
        let state = Arc::new(RwLock::new(State::Open));
        (Self { inner, state: Arc::clone(&state) }, Fence(state))
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
        let closed = |error| OpenWriteError::wrap_io_error(error, path.to_path_buf());
        self.change(|| self.inner.open_write(path)).map_err(closed)?
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
