//! JSON Schema (2020-12) of every event as its sender writes it, made of the model, the types of event and the
//! reference objects.
//!
//! A schema says what to send. The decoder decides: it forgives white space around ids and dates, and sees what a
//! schema can't say, such as a key that stands twice.

mod call;
mod reference;
mod scalar;

use serde_json::Value;

use crate::event::CallEventType;
use crate::reference::ReferenceKind;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of one type of event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSchema {
    /// The full name of the type, such as `llm-log.call.started`.
    pub event_type: String,
    pub schema: Value,
}

impl EventSchema {
    /// The schemas of all call events, then of all reference events.
    pub fn all() -> Vec<Self> {
        let calls = CallEventType::ALL.into_iter().map(Self::of_call_event);
        calls.chain(ReferenceKind::ALL.into_iter().map(Self::of_reference_event)).collect()
    }

    pub fn of_call_event(event_type: CallEventType) -> Self {
        Self { event_type: event_type.to_string(), schema: call::schema(event_type) }
    }

    pub fn of_reference_event(kind: ReferenceKind) -> Self {
        Self { event_type: kind.event_type(), schema: reference::schema(kind) }
    }

    /// The name of the file in `schemas/json` that holds it.
    pub fn file_name(&self) -> String {
        format!("{}.schema.json", self.event_type)
    }

    /// The content of that file.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.schema)
    }
}
