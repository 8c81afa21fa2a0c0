//! Large bodies are read in turn, as many at once as there are processors.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Busy;

#[derive(Debug)]
pub(super) struct Turns {
    readers: Arc<Semaphore>,
    unread: Arc<AtomicUsize>,
    unread_max: usize,
}

/// Lets one body be read; the next may be when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _reader: OwnedSemaphorePermit,
    _unread: Unread,
}

/// Bytes that wait, or are read.
#[derive(Debug)]
struct Unread {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Turns {
    pub(super) fn new(unread_max: usize) -> Self {
        let readers = available_parallelism().map_or(1, NonZeroUsize::get);
        Self { readers: Arc::new(Semaphore::new(readers)), unread: Arc::default(), unread_max }
    }

    /// Waits for those that came before; says at once when they are too many.
    pub(super) async fn next(&self, bytes: usize) -> Result<Turn, Busy> {
        let fits = |unread: usize| {
            let all = unread.saturating_add(bytes);
            (unread == 0 || all <= self.unread_max).then_some(all)
        };
        self.unread.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(|_| Busy::Unread)?;
        let unread = Unread { all: Arc::clone(&self.unread), bytes };
        let reader = self.readers.clone().acquire_owned().await.expect("it is never closed");
        Ok(Turn { _reader: reader, _unread: unread })
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn bodies_wait_for_their_turn_and_too_many_of_them_are_refused() {
        let turns = Turns { readers: Arc::new(Semaphore::new(1)), ..Turns::new(100) };
        let first = turns.next(1000).await.expect("alone it may be of any size");
        assert_eq!(turns.next(1).await.err(), Some(Busy::Unread));
        drop(first);
        let first = turns.next(60).await.expect("nothing waits");
        let mut second = Box::pin(turns.next(40));
        assert!(second.as_mut().now_or_never().is_none(), "it waits for the first");
        assert_eq!(turns.next(1).await.err(), Some(Busy::Unread));
        drop(first);
        let second = second.await.expect("it is its turn");
        let mut gone = Box::pin(turns.next(50));
        assert!(gone.as_mut().now_or_never().is_none(), "it waits for the second");
        drop(gone);
        drop(second);
        assert_eq!(turns.unread.load(Ordering::Relaxed), 0);
    }
}
