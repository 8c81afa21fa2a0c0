//! Publishing events from Rust code, through the same pipeline as every other door.

mod builders;
mod draft;

pub use builders::{CallAbandoned, CallAnnotated, CallCompleted, CallErased, CallFailed, CallRecorded, CallStarted};
pub use draft::CallEventDraft;

use std::sync::Arc;

use event_log::AppendError;
use schemas::id::{CallId, CallKey};
use schemas::time::Timestamp;

use crate::admission::Busy;
use crate::complete::{Missing, complete};
use crate::ids::new_id;
use crate::pipeline::{EventTooLarge, Ingest, Receipt};

/// Publishes call events of one source.
///
/// ```
/// # use std::sync::Arc;
/// # use event_log::{EmbeddedLog, EmbeddedOptions};
/// # use ingest::{CallAnnotated, CallCompleted, CallStarted, Ingest, IngestLimits, Producer};
/// # use schemas::id::{LogId, ProjectId};
/// # use schemas::money::NanoUsd;
/// # use schemas::time::Clock;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let log = Arc::new(EmbeddedLog::open(folder.path(), EmbeddedOptions { partitions: 1, clock: Clock::system() })?);
/// # let log_id: LogId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse()?;
/// let ingest = Ingest::new(log, log_id, Clock::system(), IngestLimits::default());
/// let producer = Producer::new(ingest, "incident-postmortem");
/// let project = ProjectId::of_name("Acme");
///
/// let call = producer.new_call();
/// let started = CallStarted::new(project, call)
///     .model_name("gpt-4o")
///     .request_prompt("Summarise the incident.")
///     .build()?;
/// producer.append(vec![started]).await?;
///
/// // … the provider answers …
/// let completed = CallCompleted::new(project, call)
///     .response_preview("The database was down for two minutes.")
///     .total_tokens(640)
///     .completion_tokens(40)
///     .cost(NanoUsd::from_cents("0.25")?)
///     .build()?;
/// let receipts = producer.append(vec![completed]).await?;
/// assert_eq!(receipts[0].key.call, call);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Producer {
    ingest: Arc<Ingest>,
    source: Box<str>,
}

/// Why events are not known to be in the log.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// Nothing was appended; send again later.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Nothing was appended.
    #[error("event {index} does not fit")]
    TooLarge { index: usize, source: EventTooLarge },
    /// Nothing was appended.
    #[error("the log refused the events: {reason}")]
    Refused { reason: String },
    /// The events may still appear. Sending them again under the same call ids does no harm.
    #[error("it is not known whether the log has the events: {reason}")]
    Unknown { reason: String, calls: Vec<CallKey> },
}

impl Producer {
    /// A producer whose events say that they come from `source`.
    pub fn new(ingest: Arc<Ingest>, source: impl Into<Box<str>>) -> Self {
        Self { ingest, source: source.into() }
    }

    /// The id of a new call, for events that will follow each other.
    pub fn new_call(&self) -> CallId {
        CallId(new_id(self.ingest.now()))
    }

    /// Appends events; their receipts, in the same order, once all are durable.
    pub async fn append(&self, drafts: Vec<CallEventDraft>) -> Result<Vec<Receipt>, ProduceError> {
        let now = self.ingest.now();
        let mut missing = MissingHere { now, source: &self.source };
        let mut ready = Vec::with_capacity(drafts.len());
        let mut held = self.ingest.admission().hold(None);
        for (index, draft) in drafts.into_iter().enumerate() {
            let (project, event) = draft.into_parts();
            let event = complete(event, project, now, &mut missing);
            let event = self.ingest.ready(&event).map_err(|source| ProduceError::TooLarge { index, source })?;
            held.grow(event.bytes())?;
            ready.push(event);
        }
        let calls: Vec<CallKey> = ready.iter().map(|event| event.key).collect();
        self.ingest.append(ready, Some(held)).await.map_err(|error| match error {
            AppendError::Refused { reason } => ProduceError::Refused { reason },
            AppendError::Unknown { reason } => ProduceError::Unknown { reason, calls },
        })
    }
}

struct MissingHere<'a> {
    now: Timestamp,
    source: &'a str,
}

impl Missing for MissingHere<'_> {
    fn call_id(&mut self) -> CallId {
        CallId(new_id(self.now))
    }

    fn event_id(&mut self) -> Box<str> {
        new_id(self.now).to_string().into()
    }

    fn source(&mut self) -> Box<str> {
        self.source.into()
    }
}
