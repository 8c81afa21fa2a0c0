//! The way into the log: events are checked, completed and appended, and only then acknowledged.
//!
//! [`router`] is the door over HTTP, [`InboxLoop`] the one of Kafka's inbox, [`Producer`] the one for code of the same
//! process. Behind all of them is one
//! pipeline, [`Ingest`]: decode, check, complete, append, acknowledge. It is at least once; the fold makes repeats
//! harmless.

mod limits;

mod admission;
mod complete;
mod ids;
mod pipeline;

mod producer;
mod sweep;

mod api;
mod dead_letter;
mod inbox;
mod openapi;

pub use admission::Busy;
pub use api::{IngestApi, router};
pub use dead_letter::{DeadLetter, LetterCut, LetterId, NotALetter, NotAnOrigin, Origin};
pub use inbox::{InboxLoop, InboxState, InboxStatus};
pub use limits::IngestLimits;
pub use openapi::openapi;
pub use pipeline::{EventTooLarge, Ingest, Receipt};
pub use producer::{
    CallAbandoned, CallAnnotated, CallCompleted, CallErased, CallEventDraft, CallFailed, CallRecorded, CallStarted,
    ProduceError, Producer,
};
pub use sweep::{NotReady, SweepError, Sweeper};
