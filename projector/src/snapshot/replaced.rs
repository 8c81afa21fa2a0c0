//! What was replaced, until nobody reads it any more. Whoever drops a snapshot last unmaps and deletes the files that were
//! merged away since, which takes up to a second: a thread does it for which nobody waits.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::priority::let_answers_go_first;

/// How often it is looked who still reads.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Keeps what is replaced, and drops it after all others have.
#[derive(Debug)]
pub(super) struct Replaced<T>(Sender<Arc<T>>);

impl<T: Send + Sync + 'static> Replaced<T> {
    pub(super) fn new() -> io::Result<Self> {
        let (replaced, kept) = channel();
        std::thread::Builder::new().name("replaced".into()).spawn(move || keep(&kept))?;
        Ok(Self(replaced))
    }

    /// Nobody may get it from where it was any more, only from those who hold it.
    pub(super) fn keep(&self, replaced: Arc<T>) {
        // The thread ends after this.
        let _ = self.0.send(replaced);
    }
}

fn keep<T>(replaced: &Receiver<Arc<T>>) {
    let_answers_go_first();
    let mut kept = Vec::new();
    loop {
        let wait = if kept.is_empty() { Duration::MAX } else { LOOK_EVERY };
        match replaced.recv_timeout(wait) {
            Ok(next) => kept.push(next),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        kept.retain(|kept| Arc::strong_count(kept) > 1);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Says on which thread it is dropped.
    struct Told(Sender<Option<String>>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().name().map(str::to_owned));
        }
    }

    #[test]
    fn what_was_replaced_is_dropped_where_nobody_waits_for_it_and_not_before_its_last_reader_has_gone() {
        let (tell, told) = channel();
        let replaced = Replaced::new().expect("a thread");
        let first = Arc::new(Told(tell.clone()));
        let (one, other) = (Arc::clone(&first), Arc::clone(&first));
        replaced.keep(first);
        replaced.keep(Arc::new(Told(tell)));
        let name = |told: &Receiver<_>| told.recv_timeout(Duration::from_mins(1)).expect("dropped");
        assert_eq!(name(&told).as_deref(), Some("replaced"), "the second has no reader");
        drop(one);
        assert!(told.recv_timeout(2 * LOOK_EVERY).is_err(), "the first still has one");
        drop(other);
        assert_eq!(name(&told).as_deref(), Some("replaced"));
    }
}
