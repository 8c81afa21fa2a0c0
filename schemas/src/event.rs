//! Call events: what producers publish and the log keeps.

mod check;
mod data;
mod decode;
mod encode;
mod members;
mod texts;
mod values;

pub use data::{CallData, RawJson, cut_text};
pub use decode::{IncomingEvent, UndecodableRecord, decode_binary, decode_structured};
pub use encode::PlainJson;
pub use members::JsonMembers;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::CallKey;
use crate::model::Column;
use crate::time::Timestamp;

/// The prefix of every call event's type.
pub const CALL_TYPE_PREFIX: &str = "llm-log.call.";
/// The major version of the events that this build writes and understands.
pub const MAJOR_VERSION: u32 = 1;
/// The content type of an event with its envelope.
pub const STRUCTURED_CONTENT_TYPE: &str = "application/cloudevents+json";

/// What is known of a call when it starts; the rest comes with its outcome. Made-up calls go by it.
pub const KNOWN_AT_START: [Column; 14] = [
    Column::LlmProviderId,
    Column::LlmProviderName,
    Column::LlmType,
    Column::ModelName,
    Column::IsGlobalProvider,
    Column::Feature,
    Column::RequestPrompt,
    Column::IncidentId,
    Column::AlertId,
    Column::AiRunId,
    Column::ScheduledMaintenanceId,
    Column::UserId,
    Column::RequestStartedAt,
    Column::WasBilled,
];

/// What happened to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CallEventType {
    Started,
    Abandoned,
    Completed,
    Failed,
    Recorded,
    Annotated,
    Erased,
}

impl CallEventType {
    pub const ALL: [Self; 7] =
        [Self::Started, Self::Abandoned, Self::Completed, Self::Failed, Self::Recorded, Self::Annotated, Self::Erased];

    /// The last part of the type's name, after [`CALL_TYPE_PREFIX`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Abandoned => "abandoned",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Recorded => "recorded",
            Self::Annotated => "annotated",
            Self::Erased => "erased",
        }
    }

    /// The type with this full name.
    pub fn of_type(name: &str) -> Option<Self> {
        let name = name.strip_prefix(CALL_TYPE_PREFIX)?;
        Self::ALL.into_iter().find(|event_type| event_type.name() == name)
    }

    /// Claims of a higher rank win. An erasure claims nothing.
    pub fn rank(self) -> u8 {
        match self {
            Self::Annotated => 4,
            Self::Completed | Self::Failed | Self::Recorded => 3,
            Self::Abandoned => 2,
            Self::Started => 1,
            Self::Erased => 0,
        }
    }

    /// The status that an event of this type claims when its `data` has none.
    pub fn implied_status(self) -> Option<&'static str> {
        match self {
            Self::Started => Some("Running"),
            Self::Abandoned => Some("Abandoned"),
            Self::Completed => Some("Success"),
            Self::Failed => Some("Error"),
            Self::Recorded | Self::Annotated | Self::Erased => None,
        }
    }
}

impl fmt::Display for CallEventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CALL_TYPE_PREFIX}{}", self.name())
    }
}

/// A complete event, as the log keeps it: valid, within the limits, of one project.
#[derive(Debug, Clone, PartialEq)]
pub struct CallEvent {
    /// The event's id, unique within its source.
    pub id: Box<str>,
    pub source: Box<str>,
    pub event_type: CallEventType,
    pub key: CallKey,
    pub time: Timestamp,
    /// Attributes of the envelope that version 1 does not know, kept verbatim.
    pub extensions: Vec<(Box<str>, RawJson)>,
    pub data: CallData,
}
