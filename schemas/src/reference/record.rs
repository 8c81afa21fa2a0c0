//! A record of the reference topic, and the event that makes it.

use serde::Serialize;
use uuid::Uuid;

use super::objects::{ReferenceKind, ReferenceObject};
use super::read::{parse_object, unknown_members};
use crate::event::JsonMembers;
use crate::id::parse_uuid;
use crate::limits::MEMBERS;
use crate::problem::{Problem, Problems};

/// The prefix of every reference event's type.
pub const REFERENCE_TYPE_PREFIX: &str = "llm-log.reference.";

/// One change of the reference data. A record without an object deletes what had its kind and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRecord {
    pub kind: ReferenceKind,
    pub id: Uuid,
    pub object: Option<ReferenceObject>,
}

/// A record of the reference topic that this build can't read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndecodableReference {
    #[error("the key {0:?} is not kind/id")]
    Key(String),
    #[error("invalid reference event: {0}")]
    Invalid(#[from] Problems),
    #[error("the event is of another kind or id than its key")]
    Mismatch,
}

/// Where an event comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Topic,
    Client,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    specversion: &'static str,
    id: String,
    source: &'static str,
    #[serde(rename = "type")]
    kind: String,
    subject: Uuid,
    data: &'a T,
}

impl ReferenceRecord {
    pub fn of(id: Uuid, object: ReferenceObject) -> Self {
        Self { kind: object.kind(), id, object: Some(object) }
    }

    /// The record's key: later records of the same key replace earlier ones when the topic is compacted.
    pub fn key(&self) -> String {
        format!("{}/{}", self.kind.name(), self.id)
    }

    /// The record's value; none deletes.
    pub fn encode(&self) -> Option<Vec<u8>> {
        Some(match self.object.as_ref()? {
            ReferenceObject::Log(object) => self.event(object),
            ReferenceObject::Project(object) => self.event(object),
            ReferenceObject::Key(object) => self.event(object),
            ReferenceObject::KeyRevocation(object) => self.event(object),
            ReferenceObject::LlmProvider(object) => self.event(object),
            ReferenceObject::User(object) => self.event(object),
            ReferenceObject::Incident(object) => self.event(object),
            ReferenceObject::Alert(object) => self.event(object),
            ReferenceObject::ScheduledMaintenance(object) => self.event(object),
        })
    }

    fn event<T: Serialize>(&self, data: &T) -> Vec<u8> {
        let event = Envelope {
            specversion: "1.0",
            id: self.key(),
            source: "llm-log",
            kind: self.kind.event_type(),
            subject: self.id,
            data,
        };
        serde_json::to_vec(&event).expect("an object has only string keys and finite numbers")
    }

    /// Reads a record of the topic.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Self, UndecodableReference> {
        let key = String::from_utf8_lossy(key);
        let of_key = || UndecodableReference::Key(key.to_string());
        let (kind, id) = key.split_once('/').ok_or_else(of_key)?;
        let kind = ReferenceKind::of_name(kind).ok_or_else(of_key)?;
        let id = parse_uuid(id).map_err(|_| of_key())?;
        let Some(value) = value else {
            return Ok(Self { kind, id, object: None });
        };
        let record = Self::decode_event(value)?;
        if (record.kind, record.id) == (kind, id) { Ok(record) } else { Err(UndecodableReference::Mismatch) }
    }

    /// Reads a reference event. `"data": null` deletes.
    pub fn decode_event(value: &[u8]) -> Result<Self, Problems> {
        Self::decode_event_of(value, Sender::Topic)
    }

    /// The same of an event that a client sends. A record of the topic may be of a newer build and know more; what a
    /// client says of a key and nobody knows is a mistake, and passing it over could turn what was meant into its
    /// opposite.
    pub fn decode_sent_event(value: &[u8]) -> Result<Self, Problems> {
        Self::decode_event_of(value, Sender::Client)
    }

    fn decode_event_of(value: &[u8], sender: Sender) -> Result<Self, Problems> {
        let text = std::str::from_utf8(value).map_err(|_| Problem::new("", "UTF-8 text"))?;
        let members = JsonMembers::read("", text, MEMBERS)?;
        let member = |wanted: &str| members.0.iter().find(|(name, _)| name == wanted).map(|(_, raw)| *raw);
        let text = |name: &str| member(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let mut problems = Vec::new();
        if text("specversion").as_deref() != Some("1.0") {
            problems.push(Problem::new("/specversion", "\"1.0\""));
        }
        let event_type = text("type");
        let kind = event_type.as_deref().and_then(|name| name.strip_prefix(REFERENCE_TYPE_PREFIX));
        let kind = kind.and_then(ReferenceKind::of_name);
        if kind.is_none() {
            let names: Vec<_> = ReferenceKind::ALL.iter().map(|kind| kind.name()).collect();
            problems.push(Problem::new("/type", format!("{REFERENCE_TYPE_PREFIX} and one of {}", names.join(", "))));
        }
        let id = text("subject").and_then(|text| parse_uuid(&text).ok());
        if id.is_none() {
            problems.push(Problem::new("/subject", "the id of the object, a UUID"));
        }
        let data = member("data");
        if data.is_none() {
            problems.push(Problem::new("/data", "an object, or null to delete"));
        }
        let (Some(kind), Some(id), Some(data)) = (kind, id, data) else {
            return Err(Problems(problems));
        };
        let object = if data.get() == "null" {
            None
        } else {
            if sender == Sender::Client {
                problems.extend(unknown_members(kind, data));
            }
            let object = parse_object(kind, data);
            problems.extend(object.as_ref().err().filter(|problem| !problems.contains(problem)).cloned());
            object.ok()
        };
        if problems.is_empty() { Ok(Self { kind, id, object }) } else { Err(Problems(problems)) }
    }
}
