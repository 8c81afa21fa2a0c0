//! Reads that wait until the log is read far enough.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemas::access::ReadScope;
use schemas::id::Partition;
use schemas::limits::{WAITING_READS, WAITING_READS_OF_PROJECT};
use schemas::positions::Offset;
use schemas::reader::ReadError;
use tokio::sync::oneshot;

/// When to come back if too many wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Who waits for which positions. A read that waits costs its entry here and nothing else: whoever publishes a
/// snapshot wakes those that it is enough for.
#[derive(Debug, Default)]
pub(super) struct WaitingReads(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    /// In the order in which they came.
    waiting: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    scope: ReadScope,
    wanted: BTreeMap<Partition, Offset>,
    wake: oneshot::Sender<()>,
}

/// A place among those that wait; free again when dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    reads: &'a WaitingReads,
    number: u64,
    woken: oneshot::Receiver<()>,
}

impl WaitingReads {
    /// Takes a place, unless it turns out that there is nothing to wait for. That is looked at once nobody can
    /// publish unnoticed.
    pub(super) fn enter(
        &self,
        scope: ReadScope,
        wanted: &BTreeMap<Partition, Offset>,
        is_needed: impl FnOnce() -> Result<bool, ReadError>,
    ) -> Result<Option<Place<'_>>, ReadError> {
        let mut entries = self.lock();
        if !is_needed()? {
            return Ok(None);
        }
        let of_scope = entries.waiting.values().filter(|entry| entry.scope == scope).count();
        if entries.waiting.len() >= WAITING_READS || of_scope >= WAITING_READS_OF_PROJECT {
            return Err(ReadError::TooManyWaiting { retry_after: RETRY_AFTER });
        }
        let (wake, woken) = oneshot::channel();
        let number = entries.next;
        entries.next += 1;
        entries.waiting.insert(number, Entry { scope, wanted: wanted.clone(), wake });
        count(&entries);
        Ok(Some(Place { reads: self, number, woken }))
    }

    /// Wakes those for whose wanted positions this holds.
    pub(super) fn wake(&self, mut is_enough: impl FnMut(&BTreeMap<Partition, Offset>) -> bool) {
        let mut entries = self.lock();
        for (_, entry) in entries.waiting.extract_if(.., |_, entry| is_enough(&entry.wanted)) {
            // Whoever went away in this instant does not need to be woken.
            let _ = entry.wake.send(());
        }
        count(&entries);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few of them")]
fn count(entries: &Entries) {
    metrics::gauge!("llm_log_waiting_reads").set(entries.waiting.len() as f64);
}

impl Place<'_> {
    /// Waits until it is woken.
    pub(super) async fn woken(mut self) {
        // Nobody drops the sender without sending but with all that wait.
        let _ = (&mut self.woken).await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut entries = self.reads.lock();
        if entries.waiting.remove(&self.number).is_some() {
            count(&entries);
        }
    }
}
