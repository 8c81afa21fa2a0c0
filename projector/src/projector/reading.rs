//! The thread that reads the log and folds what it reads.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use event_log::{EventLog, LogReader, ReadBatch, ReadLogError, Topic};
use schemas::id::Partition;
use schemas::positions::Offset;
use schemas::time::Clock;

use super::failure::{LogUnavailable, ProjectorFailure};
use super::freshness::SeenEnds;
use super::log_check::{LogCheckError, check_log};
use super::stop::{Backoff, Stop};
use crate::checkpoint::Checkpoint;
use crate::priority;
use crate::writer::batch::FoldedBatch;

/// Bytes of one read.
pub(super) const READ_BYTES: usize = 8 * 1024 * 1024;
/// Batches that wait for the writer. With the one being folded and the one being applied there are 64 MiB of
/// events between log and index at most.
const WAITING_BATCHES: usize = 6;
/// How long a read waits for records, and thus for the wish to stop.
const READ_WAIT: Duration = Duration::from_millis(100);

/// Least time between two questions where the log ends.
const ENDS_EVERY: Duration = Duration::from_millis(200);
/// The same after a question without an answer.
const ENDS_AGAIN: Duration = Duration::from_secs(2);

/// What the reading thread hands over.
#[derive(Debug)]
pub(crate) enum Read {
    Batch(FoldedBatch),
    /// Everything before the ends that it names comes before it, if it was there.
    Ends(SeenEnds),
    /// Nothing comes after it.
    Failed(ProjectorFailure),
}

/// Reads until it is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Taken when this is dropped, so that a thread that waits to hand over goes on.
    batches: Option<Receiver<Read>>,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Reading {
    pub(crate) fn start(
        log: Arc<dyn EventLog>,
        from: Checkpoint,
        partitions: NonZeroU32,
        clock: Clock,
    ) -> io::Result<Self> {
        let (sender, batches) = sync_channel(WAITING_BATCHES);
        let stop = Arc::new(Stop::default());
        let questions = Questions { asked: None, after: ENDS_EVERY, seen: BTreeMap::new() };
        let stopping = Arc::clone(&stop);
        let thread = ReadingThread {
            log,
            at: from,
            is_known: true,
            partitions,
            clock,
            questions,
            batches: sender,
            stop: stopping,
        };
        let thread = std::thread::Builder::new().name("projector-read".into()).spawn(move || thread.run())?;
        Ok(Self { batches: Some(batches), stop, thread: Some(thread) })
    }

    /// The next batch, if it is there or comes within this time.
    pub(crate) fn next(&self, wait: Duration) -> Option<Read> {
        let batches = self.batches.as_ref()?;
        let ended = Some(Read::Failed(ProjectorFailure::Panicked));
        match batches.try_recv() {
            Ok(read) => return Some(read),
            Err(TryRecvError::Disconnected) => return ended,
            Err(TryRecvError::Empty) if wait.is_zero() => return None,
            Err(TryRecvError::Empty) => {}
        }
        match batches.recv_timeout(wait) {
            Ok(read) => Some(read),
            Err(RecvTimeoutError::Disconnected) => ended,
            Err(RecvTimeoutError::Timeout) => None,
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop.set();
        self.batches = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that reads the log panicked");
        }
    }
}

struct ReadingThread {
    log: Arc<dyn EventLog>,
    /// How far it has read.
    at: Checkpoint,
    /// Whether the log is the one that was read so far, for all that is known.
    is_known: bool,
    partitions: NonZeroU32,
    clock: Clock,
    questions: Questions,
    batches: SyncSender<Read>,
    stop: Arc<Stop>,
}

/// When to ask the log again where it ends.
struct Questions {
    asked: Option<Instant>,
    after: Duration,
    /// What it said.
    seen: BTreeMap<Partition, Offset>,
}

impl Questions {
    /// Not while what it said last is not reached.
    fn is_due(&self, next: &BTreeMap<Partition, Offset>) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() >= self.after)
            && self.seen.iter().all(|(partition, end)| next.get(partition) >= Some(end))
    }

    fn answered(&mut self, ends: &BTreeMap<Partition, Offset>) {
        if self.after == ENDS_AGAIN {
            tracing::info!("the log says again where it ends");
        }
        *self = Self { asked: Some(Instant::now()), after: ENDS_EVERY, seen: ends.clone() };
    }

    fn unanswered(&mut self, error: &ReadLogError) {
        if self.after == ENDS_EVERY {
            tracing::warn!(%error, "the log does not say where it ends: answers may be behind it");
        }
        (self.asked, self.after) = (Some(Instant::now()), ENDS_AGAIN);
    }
}

impl ReadingThread {
    fn run(mut self) {
        priority::let_answers_go_first();
        let mut backoff = Backoff::new();
        let mut reader: Option<Box<dyn LogReader>> = None;
        while !self.stop.is_set() {
            let read = match reader.take().map_or_else(|| self.open(), Ok) {
                Ok(opened) => reader.insert(opened).read(READ_BYTES, READ_WAIT).map_err(LogCheckError::from),
                Err(error) => Err(error),
            };
            let batch = match read {
                Ok(batch) => batch,
                Err(LogCheckError::Unavailable(unavailable)) => {
                    reader = None;
                    self.is_known = false;
                    self.wait_for_log(&mut backoff, &unavailable);
                    continue;
                }
                Err(LogCheckError::Failure(failure)) => {
                    // The receiver is gone only when nobody wants to know any more.
                    let _ = self.batches.send(Read::Failed(failure));
                    return;
                }
            };
            if !backoff.is_fresh() {
                tracing::info!("the log can be read again");
                backoff.reset();
            }
            let is_heard = self.hand_over(batch) && reader.as_deref_mut().is_none_or(|reader| self.tell_ends(reader));
            if !is_heard {
                return;
            }
            if !self.is_known {
                reader = None;
            }
        }
    }

    /// A reader from where it is. A log that was away may have come back as another, so it has to be known again.
    fn open(&mut self) -> Result<Box<dyn LogReader>, LogCheckError> {
        if !self.is_known {
            check_log(&*self.log, &self.at, &self.stop)?;
            self.is_known = true;
        }
        Ok(self.log.reader(Topic::Calls, &self.at.next())?)
    }

    /// False when nobody listens any more.
    fn hand_over(&mut self, batch: ReadBatch) -> bool {
        if batch.records.is_empty() && batch.next.is_empty() {
            return true;
        }
        let batch = FoldedBatch::of(batch, self.partitions);
        batch.advance(&mut self.at);
        self.batches.send(Read::Batch(batch)).is_ok()
    }

    /// Asks the log where it ends, if it is time to. False when nobody listens any more.
    fn tell_ends(&mut self, reader: &mut (dyn LogReader + 'static)) -> bool {
        if !self.questions.is_due(&self.at.next()) {
            return true;
        }
        let as_of_ms = self.clock.now().date().0;
        match reader.ends() {
            Ok(ends) => {
                self.questions.answered(&ends);
                self.batches.send(Read::Ends(SeenEnds { as_of_ms, ends })).is_ok()
            }
            Err(error) => {
                self.questions.unanswered(&error);
                // Its topic may have been made again, which the reader need not notice.
                self.is_known = false;
                true
            }
        }
    }

    fn wait_for_log(&self, backoff: &mut Backoff, unavailable: &LogUnavailable) {
        if backoff.is_fresh() {
            tracing::warn!(reason = %unavailable, "the log can't be read, trying again until it can");
        }
        self.stop.wait(backoff.next());
    }
}
