//! Reference data: written to its topic, followed into memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use schemas::id::LogId;
use schemas::positions::Offset;
use schemas::reference::{LogObject, ReferenceData, ReferenceObject, ReferenceRecord};
use tokio::sync::watch;
use uuid::Uuid;

use crate::log::{AppendError, EventLog, LogReader, LogRecord, NewRecord, Position, ReadLogError, Topic};

/// How long one read of the topic waits.
const WAIT: Duration = Duration::from_millis(200);
/// How long a follower waits before it tries a log again that could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// How long nothing may come before the log is asked whether it is there.
const QUIET: Duration = Duration::from_secs(2);
/// The same while the log is opened: an answer that does not come begins the reading again.
const QUIET_AT_START: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 16 * 1024 * 1024;

/// Appends changes of the reference data.
pub async fn append_reference(log: &dyn EventLog, records: &[ReferenceRecord]) -> Result<Vec<Position>, AppendError> {
    let records = records
        .iter()
        .map(|record| NewRecord {
            partition: 0,
            key: Bytes::from(record.key()),
            value: record.encode().map(Bytes::from),
            headers: Vec::new(),
        })
        .collect();
    log.append(Topic::Reference, records).await
}

/// Why a log has no identity.
#[derive(Debug, thiserror::Error)]
pub enum LogIdError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] ReadLogError),
    #[error("the log {log} has {named} partitions by its own record, but {found} were found")]
    Partitions { log: LogId, named: u32, found: u32 },
    #[error("the log is damaged: it has calls, and what names it is gone")]
    Lost,
    #[error("the reading of the log's identity was cut off")]
    Cancelled,
}

/// The log's identity: the one that its first `log` record names. Names the log when nobody did and it has no calls
/// yet, for a log is named before its first call.
pub async fn log_id(log: &Arc<dyn EventLog>, new: LogId) -> Result<LogId, LogIdError> {
    let found = log.partitions(Topic::Calls);
    loop {
        let reading = Arc::clone(log);
        // Before the reference data, so that nobody can name the log and append calls in between.
        let has_calls = has_calls(&**log).await?;
        let data = {
            let end = log.bounds(Topic::Reference, 0).await?;
            tokio::task::spawn_blocking(move || read_to(&*reading, end.start, end.end))
                .await
                .map_err(|_| LogIdError::Cancelled)??
        };
        match data.log() {
            Some((log, named)) if named != found => return Err(LogIdError::Partitions { log, named, found }),
            Some((log, _)) => return Ok(log),
            None if has_calls => return Err(LogIdError::Lost),
            // Whoever else names it now: the lowest offset wins, so read again.
            None => {
                let object = ReferenceObject::Log(LogObject { partitions: found });
                append_reference(&**log, &[ReferenceRecord::of(new.0, object)]).await?;
            }
        }
    }
}

async fn has_calls(log: &dyn EventLog) -> Result<bool, ReadLogError> {
    for partition in 0..log.partitions(Topic::Calls) {
        if log.bounds(Topic::Calls, partition).await?.end > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_to(log: &dyn EventLog, start: Offset, end: Offset) -> Result<ReferenceData, ReadLogError> {
    let mut data = ReferenceData::default();
    data.advance(start);
    let mut reader = log.reader(Topic::Reference, &BTreeMap::from([(0, start)]))?;
    let mut silence = Silence::of(QUIET_AT_START);
    while data.next() < end {
        let changed = read_into(&mut data, &mut *reader)?;
        silence.check(changed, &mut *reader)?;
    }
    Ok(data)
}

/// How long nothing has come, which may be the log's silence.
struct Silence {
    since: Instant,
    quiet: Duration,
}

impl Silence {
    /// One that the log is asked about when it has lasted so long.
    fn of(quiet: Duration) -> Self {
        Self { since: Instant::now(), quiet }
    }

    /// Whether the log was heard: something has come, or it answers after a while in which nothing did.
    fn check(&mut self, has_come: bool, reader: &mut dyn LogReader) -> Result<bool, ReadLogError> {
        let is_asked = !has_come && self.since.elapsed() >= self.quiet;
        if has_come || is_asked {
            self.since = Instant::now();
        }
        if is_asked {
            reader.ends()?;
        }
        Ok(has_come || is_asked)
    }
}

/// Applies what there is to read; whether anything came.
fn read_into(data: &mut ReferenceData, reader: &mut dyn LogReader) -> Result<bool, ReadLogError> {
    let batch = reader.read(READ_BYTES, WAIT)?;
    let before = data.next();
    for record in &batch.records {
        apply(data, record);
    }
    if let Some(next) = batch.next.get(&0) {
        data.advance(*next);
    }
    Ok(data.next() != before)
}

fn apply(data: &mut ReferenceData, record: &LogRecord) {
    let offset = record.position.offset;
    match ReferenceRecord::decode(&record.key, record.value.as_deref()) {
        Ok(reference) => data.apply(offset, reference),
        Err(error) => {
            tracing::warn!(reference.offset = offset, error = %error, "a record of the reference data was passed over");
            data.advance(offset + 1);
        }
    }
}

/// Keeps the reference data in memory as it changes.
#[derive(Debug)]
pub struct ReferenceFollower {
    data: Arc<ArcSwap<ReferenceData>>,
    next: watch::Receiver<Offset>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether the data reach the end that the topic had at the start.
    ready: AtomicBool,
    /// Whether the log could not be read, or was silent, when last tried.
    stale: AtomicBool,
    stop: AtomicBool,
}

impl ReferenceFollower {
    /// Starts to follow, from the first record on.
    pub fn start(log: Arc<dyn EventLog>, runtime: tokio::runtime::Handle) -> std::io::Result<Self> {
        let data = Arc::new(ArcSwap::from_pointee(ReferenceData::default()));
        let shared = Arc::new(Shared::default());
        let (read, next) = watch::channel(0);
        let follow = Follow { log, runtime, data: Arc::clone(&data), read, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("reference".into()).spawn(move || follow.run())?;
        Ok(Self { data, next, shared, thread: Some(thread) })
    }

    /// The data as of now, and of every later moment.
    pub fn data(&self) -> Arc<ArcSwap<ReferenceData>> {
        Arc::clone(&self.data)
    }

    /// The position of the next record, as it changes. The data are never behind it.
    pub fn next(&self) -> watch::Receiver<Offset> {
        self.next.clone()
    }

    /// Whether the data reach the end that the topic had when the follower started.
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    /// Whether the log can't be read now, so that changes are missed.
    pub fn is_stale(&self) -> bool {
        self.shared.stale.load(Ordering::Acquire)
    }
}

impl Drop for ReferenceFollower {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the follower of the reference data panicked");
        }
    }
}

struct Follow {
    log: Arc<dyn EventLog>,
    runtime: tokio::runtime::Handle,
    data: Arc<ArcSwap<ReferenceData>>,
    read: watch::Sender<Offset>,
    shared: Arc<Shared>,
}

impl Follow {
    fn run(&self) {
        while !self.stopped() {
            if let Err(error) = self.follow() {
                self.failed(&error);
                std::thread::park_timeout(RETRY);
            }
        }
    }

    fn failed(&self, error: &ReadLogError) {
        if !self.shared.stale.swap(true, Ordering::AcqRel) {
            tracing::warn!(error = %error, "the reference data can't be read; trying again");
        }
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    fn follow(&self) -> Result<(), ReadLogError> {
        let bounds = self.runtime.block_on(self.log.bounds(Topic::Reference, 0))?;
        let mut data = ReferenceData::clone(&self.data.load());
        data.advance(bounds.start);
        let mut reader = self.log.reader(Topic::Reference, &BTreeMap::from([(0, data.next())]))?;
        let mut silence = Silence::of(QUIET);
        while !self.stopped() {
            let changed = read_into(&mut data, &mut *reader)?;
            if changed {
                self.data.store(Arc::new(data.clone()));
                self.read.send_replace(data.next());
            }
            if data.next() >= bounds.end {
                self.shared.ready.store(true, Ordering::Release);
            }
            match silence.check(changed, &mut *reader) {
                Ok(true) => self.shared.stale.store(false, Ordering::Release),
                Ok(false) => {}
                // What comes after all is read as before.
                Err(error) => self.failed(&error),
            }
        }
        Ok(())
    }
}

/// A new log's identity.
#[expect(clippy::disallowed_methods, reason = "the one place where logs are named")]
pub fn new_log_id() -> LogId {
    LogId(Uuid::new_v4())
}
