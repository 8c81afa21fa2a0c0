//! The inbox: events of producers of any make, taken from Kafka into the log.
//!
//! A record is acknowledged when its event is in the log, or its dead letter is. Nothing stops a partition: what can't
//! be taken becomes a letter, and what can't be written now is tried again.

mod letter;
mod state;
mod take;

pub use state::{InboxState, InboxStatus};

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use event_log::{AppendError, EventLog, InboxError, InboxItem, KafkaInbox, Topic};
use schemas::id::Partition;
use schemas::positions::Offset;

use crate::pipeline::{Ingest, ReadyEvent};
use letter::Letter;

/// Bytes that one read of the inbox brings at most; one record always fits.
const READ_BYTES: usize = 8 * 1024 * 1024;
/// How long one read waits.
const WAIT: Duration = Duration::from_millis(200);
/// How long to wait before the broker is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Where records come from.
trait Inbox: Send {
    fn poll(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<InboxItem>, InboxError>;
    fn acknowledge(&mut self, next: &BTreeMap<Partition, Offset>) -> Result<(), InboxError>;
}

impl Inbox for KafkaInbox {
    fn poll(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<InboxItem>, InboxError> {
        Self::poll(self, max_bytes, wait)
    }

    fn acknowledge(&mut self, next: &BTreeMap<Partition, Offset>) -> Result<(), InboxError> {
        Self::acknowledge(self, next)
    }
}

/// Takes events from the inbox until it is dropped.
#[derive(Debug)]
pub struct InboxLoop {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl InboxLoop {
    /// Starts to take events, on a thread of its own, and keeps the status up to date.
    pub fn start(
        ingest: Arc<Ingest>,
        inbox: KafkaInbox,
        runtime: tokio::runtime::Handle,
        status: InboxStatus,
    ) -> io::Result<Self> {
        Self::run(ingest, inbox, runtime, status)
    }

    fn run(
        ingest: Arc<Ingest>,
        inbox: impl Inbox + 'static,
        runtime: tokio::runtime::Handle,
        status: InboxStatus,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut taking = Taking { ingest, inbox, runtime, stop: Arc::clone(&stop), status };
        let thread = std::thread::Builder::new().name("inbox".into()).spawn(move || taking.run())?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for InboxLoop {
    /// Finishes the batch. What is not acknowledged comes again.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic was told when it happened.
            let _ = thread.join();
        }
    }
}

struct Taking<I> {
    ingest: Arc<Ingest>,
    inbox: I,
    runtime: tokio::runtime::Handle,
    stop: Arc<AtomicBool>,
    status: InboxStatus,
}

impl<I> Drop for Taking<I> {
    fn drop(&mut self) {
        self.status.ended();
        if std::thread::panicking() {
            tracing::error!(
                "the reader of the inbox panicked: nothing is taken from it until the process starts again"
            );
        }
    }
}

impl<I: Inbox> Taking<I> {
    fn run(&mut self) {
        while !self.is_stopped() {
            match self.inbox.poll(READ_BYTES, WAIT) {
                Ok(items) => self.take(items),
                Err(error) => self.failed("the inbox can't be read", &error),
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn failed(&self, what: &'static str, error: &(dyn std::error::Error + 'static)) {
        let is_lasting = error.downcast_ref().is_some_and(InboxError::is_lasting);
        self.status.failed(what, error, is_lasting);
        std::thread::park_timeout(RETRY);
    }

    /// Brings every item into the log or among the dead letters, then acknowledges them.
    fn take(&mut self, items: Vec<InboxItem>) {
        let mut next = BTreeMap::new();
        let mut events = Vec::new();
        let mut letters = Vec::new();
        for item in items {
            let (partition, offset) = take::position(&item);
            next.insert(partition, offset + 1);
            match take::take(&self.ingest, item) {
                Ok(event) => events.push(event),
                Err(letter) => letters.push(letter),
            }
        }
        if next.is_empty() {
            self.status.works();
            return;
        }
        let counts = (events.len() as u64, letters.len() as u64);
        if self.append_events(&events) && self.append_letters(&letters) && self.acknowledge(&next) {
            self.status.works();
            metrics::counter!("llm_log_inbox_events_total").increment(counts.0);
            metrics::counter!("llm_log_inbox_dead_letters_total").increment(counts.1);
        }
    }

    /// Tries until it is done, at least once; false when the stop came first.
    fn until_done(
        &mut self,
        what: &'static str,
        mut attempt: impl FnMut(&mut Self) -> Result<(), Box<dyn std::error::Error>>,
    ) -> bool {
        loop {
            match attempt(self) {
                Ok(()) => return true,
                Err(_) if self.is_stopped() => return false,
                Err(error) => self.failed(what, &*error),
            }
        }
    }

    fn append_events(&mut self, events: &[ReadyEvent]) -> bool {
        self.until_done("events of the inbox can't be written to the log", |taking| {
            taking.runtime.block_on(taking.ingest.append(events.to_vec(), None))?;
            Ok(())
        })
    }

    fn append_letters(&mut self, letters: &[Box<Letter>]) -> bool {
        if letters.is_empty() {
            return true;
        }
        for letter in letters {
            letter.log();
        }
        self.until_done("dead letters can't be written", |taking| {
            let log: &dyn EventLog = taking.ingest.log();
            let greatest = log.record_bytes_max(Topic::DeadLetters);
            let records = letters.iter().map(|letter| letter.record(taking.ingest.log_id(), greatest)).collect();
            taking.runtime.block_on(log.append(Topic::DeadLetters, records)).map_err(|error: AppendError| error)?;
            Ok(())
        })
    }

    fn acknowledge(&mut self, next: &BTreeMap<Partition, Offset>) -> bool {
        self.until_done("records of the inbox can't be acknowledged", |taking| Ok(taking.inbox.acknowledge(next)?))
    }
}

#[cfg(test)]
mod tests;
