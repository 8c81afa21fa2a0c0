//! Keeps a writer that was given up from changing the index.
//!
//! tantivy's writer leaves its merges running when it is dropped. One that ends later writes its own list of segments,
//! over the commits that another writer has made since.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{Directory, DirectoryLock, FileHandle, Lock, WatchCallback, WatchHandle, WritePtr};

use super::seal::{check, is_list, sealed};

/// Closes the directory of one writer when dropped.
#[derive(Debug)]
pub(crate) struct Fence(Arc<RwLock<bool>>);

impl Drop for Fence {
    /// Waits for a change that is under way; none begins after it.
    fn drop(&mut self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// A directory that can be read for ever, and changed until its fence is dropped. Its list of segments is sealed.
#[derive(Clone)]
pub(crate) struct FencedDirectory {
    inner: Box<dyn Directory>,
    is_closed: Arc<RwLock<bool>>,
}

impl FencedDirectory {
    pub(crate) fn new(inner: Box<dyn Directory>) -> (Self, Fence) {
        let is_closed = Arc::new(RwLock::new(false));
        (Self { inner, is_closed: Arc::clone(&is_closed) }, Fence(is_closed))
    }

    fn change<T>(&self, change: impl FnOnce() -> T) -> Result<T, io::Error> {
        let is_closed = self.is_closed.read().unwrap_or_else(PoisonError::into_inner);
        if *is_closed {
            return Err(io::Error::other("another writer has taken over"));
        }
        Ok(change())
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
            return self.change(|| self.inner.atomic_write(path, &sealed(bytes)))?;
        }
        self.change(|| self.inner.atomic_write(path, bytes))?
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.inner.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}
