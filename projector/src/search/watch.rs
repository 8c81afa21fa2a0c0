//! The time limit of a read, looked at while documents are visited.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use schemas::fold::UnreadableState;
use schemas::reader::ReadError;
use tantivy::TantivyError;

use crate::writer::folder::may_be_damage;

/// Steps between two looks at the clock.
const STEPS: u64 = 1024;
/// The time limit of a read that names one beyond all reason.
const LONGEST: Duration = Duration::from_hours(1);

/// Why a read has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SearchError {
    #[error("the time limit passed in {0}")]
    Timeout(&'static str),
    #[error("{0}")]
    Refused(String),
    #[error("the index can't be read: {0}")]
    Index(#[from] TantivyError),
    #[error(transparent)]
    State(#[from] UnreadableState),
    /// A document that lacks what every visible call has.
    #[error("a document of the index is incomplete")]
    Incomplete,
}

impl SearchError {
    /// Whether a sound index hardly leads to it.
    pub(crate) fn may_be_damage(&self) -> bool {
        match self {
            Self::Index(error) => may_be_damage(error),
            Self::State(_) | Self::Incomplete => true,
            Self::Timeout(_) | Self::Refused(_) => false,
        }
    }
}

impl From<std::io::Error> for SearchError {
    fn from(error: std::io::Error) -> Self {
        Self::Index(error.into())
    }
}

impl From<SearchError> for ReadError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Timeout(part) => Self::Timeout { part: part.to_owned() },
            SearchError::Refused(reason) => Self::Refused { reason },
            other => Self::Internal { reason: other.to_string() },
        }
    }
}

/// Ends a read when its time is up or nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Watch {
    until: Instant,
    /// Set once the read has to end.
    over: AtomicBool,
    /// What went wrong where no error can be returned.
    failure: Mutex<Option<SearchError>>,
    /// Stored texts that were read to decide whether they match.
    texts_read: AtomicU64,
}

impl Watch {
    pub(crate) fn new(time: Duration) -> Arc<Self> {
        let until = Instant::now() + time.min(LONGEST);
        Arc::new(Self { until, over: AtomicBool::new(false), failure: Mutex::new(None), texts_read: AtomicU64::new(0) })
    }

    /// An error when the read has to end, naming the part of it that was running.
    pub(crate) fn check(&self, part: &'static str) -> Result<(), SearchError> {
        if !self.is_over() {
            return Ok(());
        }
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(failure.unwrap_or(SearchError::Timeout(part)))
    }

    /// Ends the read for this reason.
    pub(crate) fn fail(&self, error: SearchError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.end();
    }

    /// Ends the read: nobody waits for its answer.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn count_text(&self) {
        self.texts_read.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn texts_read(&self) -> u64 {
        self.texts_read.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        if self.over.load(Ordering::Relaxed) {
            return true;
        }
        let over = Instant::now() >= self.until;
        if over {
            self.end();
        }
        over
    }
}

/// Looks at a [`Watch`] now and then.
#[derive(Debug, Clone)]
pub(crate) struct Tick {
    watch: Arc<Watch>,
    steps: u64,
}

impl Tick {
    pub(crate) fn new(watch: &Arc<Watch>) -> Self {
        Self { watch: Arc::clone(watch), steps: 0 }
    }

    /// Whether the read has to end. To be asked at every step.
    pub(crate) fn is_over(&mut self) -> bool {
        self.is_over_after(1)
    }

    /// The same before what takes as long as so many steps.
    pub(crate) fn is_over_after(&mut self, steps: u64) -> bool {
        self.steps = self.steps.saturating_add(steps);
        if self.steps < STEPS {
            return false;
        }
        self.steps = 0;
        self.watch.is_over()
    }
}
