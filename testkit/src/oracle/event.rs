//! An event as it was sent.

use serde_json::{Map, Value, json};

use super::ledger::CallName;

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    Started,
    /// Told by the product itself, of calls that have run for too long.
    Abandoned,
    Completed,
    Failed,
    Recorded,
    Annotated,
    Erased,
    /// An LLM Log object without an envelope, which counts as recorded. Its time is that of its receipt, which nobody
    /// here knows: no other outcome of the same call may be told.
    Object,
}

impl EventKind {
    /// The kind by which events are told apart.
    pub(super) fn told(self) -> Self {
        if self == Self::Object { Self::Recorded } else { self }
    }

    /// Greater ones win.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Annotated => 4,
            Self::Completed | Self::Failed | Self::Recorded | Self::Object => 3,
            Self::Abandoned => 2,
            Self::Started => 1,
            Self::Erased => 0,
        }
    }

    /// The status that it claims when it names none.
    pub(super) fn status(self) -> Option<&'static str> {
        match self {
            Self::Started => Some("Running"),
            Self::Abandoned => Some("Abandoned"),
            Self::Completed => Some("Success"),
            Self::Failed => Some("Error"),
            Self::Recorded | Self::Object | Self::Annotated | Self::Erased => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Abandoned => "abandoned",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Recorded | Self::Object => "recorded",
            Self::Annotated => "annotated",
            Self::Erased => "erased",
        }
    }
}

/// An event as it was sent. Two events of one call never have the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub kind: EventKind,
    pub call: CallName,
    /// In the form `2026-03-01T06:00:00.123Z`, so that texts are in the order of the instants.
    pub time: String,
    pub data: Map<String, Value>,
    /// A word that the texts of this call have and those of no other.
    pub word: String,
}

impl Event {
    /// The id of the event: the same for the same event.
    pub fn id(&self) -> String {
        format!("{} {} {}", self.kind.name(), self.call.call, self.time)
    }

    pub fn event_type(&self) -> String {
        format!("llm-log.call.{}", self.kind.name())
    }

    /// What a producer sends.
    pub fn json(&self) -> Value {
        let mut data = self.data.clone();
        data.insert("projectId".to_owned(), json!(self.call.project));
        if self.kind == EventKind::Object {
            data.insert("_id".to_owned(), json!(self.call.call));
            return Value::Object(data);
        }
        json!({
            "specversion": "1.0",
            "id": self.id(),
            "source": "oracle",
            "type": self.event_type(),
            "subject": self.call.call,
            "time": self.time,
            "data": data,
        })
    }
}
