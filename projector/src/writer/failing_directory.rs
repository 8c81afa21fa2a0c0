//! A directory in memory whose disk can fill up or stand still.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, INDEX_WRITER_LOCK, Lock, META_LOCK, RamDirectory, WatchCallback, WatchHandle,
    WritePtr,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct FailingDirectory {
    files: RamDirectory,
    /// The list of segments can't be written.
    pub(crate) no_meta: Arc<AtomicBool>,
    /// No file can be begun.
    pub(crate) no_files: Arc<AtomicBool>,
    /// Stands still before a list of segments is written.
    pub(crate) hold: Hold,
    crash: Arc<Mutex<Crash>>,
}

/// A crash that comes before one of the next changes.
#[derive(Debug, Default)]
struct Crash {
    /// How many changes come before it.
    after: Option<usize>,
    found: Option<FailingDirectory>,
}

/// Holds up the next thread that comes by, until it is let go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold(Arc<(Mutex<Held>, Condvar)>);

#[derive(Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nobody,
    Next,
    Somebody,
}

impl Hold {
    fn set(&self, held: Held) {
        *self.0.0.lock().expect("not poisoned") = held;
        self.0.1.notify_all();
    }

    fn wait_while(&self, condition: impl FnMut(&mut Held) -> bool) {
        drop(self.0.1.wait_while(self.0.0.lock().expect("not poisoned"), condition).expect("not poisoned"));
    }

    pub(crate) fn hold_next(&self) {
        self.set(Held::Next);
    }

    /// Waits until somebody is held up.
    pub(crate) fn wait_until_held(&self) {
        self.wait_while(|held| *held != Held::Somebody);
    }

    pub(crate) fn let_go(&self) {
        self.set(Held::Nobody);
    }

    fn pass(&self) {
        let is_next = std::mem::take(&mut *self.0.0.lock().expect("not poisoned"));
        match is_next {
            Held::Next => {
                self.set(Held::Somebody);
                self.wait_while(|held| *held == Held::Somebody);
            }
            other => self.set(other),
        }
    }
}

impl FailingDirectory {
    /// Keeps what is there when so many more changes have been made, until it is asked for.
    pub(crate) fn crash_after(&self, changes: usize) {
        *self.crash.lock().expect("not poisoned") = Crash { after: Some(changes), found: None };
    }

    /// What was there then; none when there were fewer changes.
    pub(crate) fn found(&self) -> Option<Self> {
        std::mem::take(&mut *self.crash.lock().expect("not poisoned")).found
    }

    fn before_change(&self) {
        let mut crash = self.crash.lock().expect("not poisoned");
        crash.after = match crash.after {
            Some(0) => {
                crash.found = Some(self.after_a_crash());
                None
            }
            after => after.map(|changes| changes - 1),
        };
    }

    /// What a process finds that comes after one that died now: the files that were finished, and no locks.
    pub(crate) fn after_a_crash(&self) -> Self {
        let found = Self::default();
        self.files.persist(&found.files).expect("memory takes every file");
        for lock in [&*INDEX_WRITER_LOCK, &*META_LOCK] {
            // There is none unless it was held.
            drop(found.files.delete(&lock.filepath));
        }
        found
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl Directory for FailingDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.files.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.before_change();
        self.files.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        if self.no_files.load(Ordering::SeqCst) {
            return Err(OpenWriteError::wrap_io_error(full(), path.to_path_buf()));
        }
        self.before_change();
        self.files.open_write(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.files.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if path == Path::new("meta.json") && self.no_meta.load(Ordering::SeqCst) {
            return Err(full());
        }
        self.before_change();
        self.files.atomic_write(path, bytes)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.hold.pass();
        self.files.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.files.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.files.watch(callback)
    }
}
