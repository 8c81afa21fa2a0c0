//! Reading events: from producers (with everything that is wrong in them) and back from the log.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

use super::check::{attribute_expectation, check_claim, erased_call_expectation};
use super::data::{CallData, RawJson};
use super::members::JsonMembers;
use super::texts::parse_text;
use super::values::{depth_fits, parse_value, parse_wrapped_value};
use super::{CALL_TYPE_PREFIX, CallEvent, CallEventType, MAJOR_VERSION};
use crate::id::{CallId, CallKey, ProjectId};
use crate::limits::{ATTRIBUTE_BYTES, JSON_DEPTH, MEMBERS, RECORD_MEMBERS};
use crate::model::{Column, ColumnType};
use crate::problem::{Problem, Problems};
use crate::time::{Date, Timestamp};
use crate::value::Value;

/// A valid event that may lack what ingest completes.
#[derive(Debug, Clone, PartialEq)]
pub struct IncomingEvent {
    pub id: Option<Box<str>>,
    pub source: Option<Box<str>>,
    pub event_type: CallEventType,
    pub call: Option<CallId>,
    pub project: Option<ProjectId>,
    pub time: Option<Timestamp>,
    pub extensions: Vec<(Box<str>, RawJson)>,
    pub data: CallData,
}

/// A record of the log that this build can't read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndecodableRecord {
    #[error("unknown event type {0:?}")]
    UnknownType(String),
    #[error("invalid event: {0}")]
    Invalid(Problems),
    #[error("incomplete event: it has no {0}")]
    Incomplete(&'static str),
}

impl CallEvent {
    /// Reads a record's value.
    pub fn decode(value: &[u8]) -> Result<Self, UndecodableRecord> {
        use UndecodableRecord::{Incomplete, Invalid, UnknownType};
        let incoming = decode_bounded(value, RECORD_MEMBERS).map_err(|problems| match unknown_type(value) {
            Some(name) => UnknownType(name),
            None => Invalid(problems),
        })?;
        Ok(Self {
            id: incoming.id.ok_or(Incomplete("id"))?,
            source: incoming.source.ok_or(Incomplete("source"))?,
            event_type: incoming.event_type,
            key: CallKey {
                project: incoming.project.ok_or(Incomplete("data.projectId"))?,
                call: incoming.call.ok_or(Incomplete("subject"))?,
            },
            time: incoming.time.ok_or(Incomplete("time"))?,
            extensions: incoming.extensions,
            data: incoming.data,
        })
    }
}

fn unknown_type(value: &[u8]) -> Option<String> {
    let members = JsonMembers::parse(std::str::from_utf8(value).ok()?).ok()?;
    let (_, raw) = members.0.iter().find(|(name, _)| name == "type")?;
    let name = parse_text(raw.get())?;
    CallEventType::of_type(&name).is_none().then(|| name.into())
}

/// Reads a CloudEvent in structured mode, or an LLM Log object, which counts as `recorded`.
pub fn decode_structured(value: &[u8]) -> Result<IncomingEvent, Problems> {
    decode_bounded(value, MEMBERS)
}

fn decode_bounded(value: &[u8], members_max: usize) -> Result<IncomingEvent, Problems> {
    let text = std::str::from_utf8(value).map_err(|_| Problem::new("", "UTF-8 text"))?;
    let members = JsonMembers::read("", text, members_max)?;
    let decoder = Decoder { members_max, wrapped_values: false, problems: Vec::new() };
    if members.0.iter().any(|(name, _)| name == "specversion") {
        decode_cloud_event(decoder, members)
    } else {
        decode_object(Decoder { wrapped_values: true, ..decoder }, members)
    }
}

/// Reads a CloudEvent in binary mode: attributes without their `ce_` prefix, and the value as `data`. Attributes
/// that speak of how `data` is written have no place there and are passed over.
pub fn decode_binary(attributes: &[(&str, &str)], value: &[u8]) -> Result<IncomingEvent, Problems> {
    let text = std::str::from_utf8(value).map_err(|_| Problem::new("/data", "UTF-8 text"))?;
    if attributes.len() > MEMBERS {
        return Err(Problem::new("", format!("at most {MEMBERS} attributes")).into());
    }
    let mut decoder = Decoder { members_max: MEMBERS, wrapped_values: false, problems: Vec::new() };
    let mut envelope = Envelope::default();
    let mut seen = HashSet::new();
    for (name, attribute) in attributes {
        if matches!(*name, "data" | "data_base64" | "datacontenttype") {
            continue;
        }
        if !seen.insert(name) {
            decoder.problems.push(Problem::of_member("", name, "an attribute that stands once"));
            continue;
        }
        let json = serde_json::value::to_raw_value(attribute).map_err(|_| Problem::new("", "text attributes"))?;
        decoder.attribute(&mut envelope, name, &json);
    }
    if let Ok(raw) = serde_json::from_str::<&RawValue>(text) {
        envelope.data = Some(raw);
    } else {
        decoder.problem("/data", "a JSON object");
    }
    decoder.event(envelope)
}

fn decode_cloud_event(mut decoder: Decoder, members: JsonMembers<'_>) -> Result<IncomingEvent, Problems> {
    let mut envelope = Envelope::default();
    for (name, raw) in members.0 {
        if name == "data" {
            envelope.data = Some(raw);
        } else {
            decoder.attribute(&mut envelope, &name, raw);
        }
    }
    decoder.event(envelope)
}

fn decode_object(mut decoder: Decoder, members: JsonMembers<'_>) -> Result<IncomingEvent, Problems> {
    let mut members = members.0;
    let id = members.iter().position(|(name, _)| name == "_id").map(|at| members.remove(at).1);
    let call = match id.and_then(|raw| decoder.value("", "_id", ColumnType::ObjectId, raw)) {
        Some(Value::Id(id)) => Some(CallId(id)),
        _ => None,
    };
    let (project, data) = decoder.data("", members, CallEventType::Recorded);
    decoder.finish(IncomingEvent {
        id: None,
        source: None,
        event_type: CallEventType::Recorded,
        call,
        project,
        time: None,
        extensions: Vec::new(),
        data,
    })
}

#[derive(Default)]
struct Envelope<'a> {
    specversion: Option<Box<str>>,
    id: Option<Box<str>>,
    source: Option<Box<str>>,
    event_type: Option<Box<str>>,
    subject: Option<CallId>,
    time: Option<Timestamp>,
    extensions: Vec<(Box<str>, RawJson)>,
    data: Option<&'a RawValue>,
}

/// Reads values and gathers what is wrong with them.
struct Decoder {
    problems: Vec<Problem>,
    /// Greatest number of members of an object.
    members_max: usize,
    /// Whether ids and dates may come as `{"_type": …, "value": …}`, as the reference server shows them.
    wrapped_values: bool,
}

impl Decoder {
    fn problem(&mut self, pointer: &str, expected: impl Into<String>) {
        self.problems.push(Problem::new(pointer, expected));
    }

    fn finish<T>(self, value: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(value) } else { Err(Problems(self.problems)) }
    }

    fn attribute(&mut self, envelope: &mut Envelope<'_>, name: &str, raw: &RawValue) {
        match name {
            "specversion" => envelope.specversion = self.text_attribute(name, raw),
            "id" => envelope.id = self.text_attribute(name, raw),
            "source" => envelope.source = self.text_attribute(name, raw),
            "type" => envelope.event_type = self.text_attribute(name, raw),
            "subject" => {
                if let Some(text) = self.text_attribute(name, raw) {
                    match text.parse() {
                        Ok(call) => envelope.subject = Some(call),
                        Err(_) => {
                            self.problem("/subject", format!("the call id, {}", ColumnType::ObjectId.expectation()));
                        }
                    }
                }
            }
            "time" => {
                if let Some(text) = self.text_attribute(name, raw) {
                    match Timestamp::parse(&text) {
                        Ok(time) => envelope.time = Some(time),
                        Err(_) => self.problem("/time", ColumnType::Date.expectation()),
                    }
                }
            }
            "datacontenttype" => {
                if let Some(text) = self.text_attribute(name, raw)
                    && !is_json(&text)
                {
                    self.problem("/datacontenttype", "\"application/json\"");
                }
            }
            "dataschema" => {
                if let Some(text) = self.text_attribute(name, raw)
                    && major_version(&text) != Some(MAJOR_VERSION)
                {
                    self.problem("/dataschema", format!("a URI that ends in the major version {MAJOR_VERSION}"));
                }
            }
            "data_base64" => self.problem("/data_base64", "\"data\" as a JSON object instead"),
            _ => {
                if let Some(raw) = self.unknown("", name, raw) {
                    envelope.extensions.push((name.into(), raw));
                }
            }
        }
    }

    /// A member that version 1 does not know, verbatim.
    fn unknown(&mut self, parent: &str, name: &str, raw: &RawValue) -> Option<RawJson> {
        if depth_fits(raw.get()) {
            return Some(RawJson(raw.to_owned()));
        }
        self.problems.push(Problem::of_member(parent, name, format!("JSON of at most {JSON_DEPTH} levels")));
        None
    }

    fn text_attribute(&mut self, name: &str, raw: &RawValue) -> Option<Box<str>> {
        if raw.get() == "null" {
            return None;
        }
        match parse_text(raw.get()) {
            Some(text) if !text.is_empty() && text.len() <= ATTRIBUTE_BYTES => Some(text),
            _ => {
                self.problems.push(Problem::of_member("", name, attribute_expectation()));
                None
            }
        }
    }

    fn event(mut self, envelope: Envelope<'_>) -> Result<IncomingEvent, Problems> {
        match envelope.specversion.as_deref() {
            Some("1.0") => {}
            _ => self.problem("/specversion", "\"1.0\""),
        }
        let has_problem = |decoder: &Self, pointer: &str| decoder.problems.iter().any(|p| p.pointer == pointer);
        if envelope.source.is_none() && !has_problem(&self, "/source") {
            self.problem("/source", "a text that says who publishes the event");
        }
        let event_type = envelope.event_type.as_deref().and_then(CallEventType::of_type);
        if event_type.is_none() && !has_problem(&self, "/type") {
            let names: Vec<_> = CallEventType::ALL.iter().map(|event_type| event_type.name()).collect();
            self.problem("/type", format!("{CALL_TYPE_PREFIX} and one of {}", names.join(", ")));
        }
        if event_type == Some(CallEventType::Erased) && envelope.subject.is_none() && !has_problem(&self, "/subject") {
            self.problem("/subject", erased_call_expectation());
        }
        let members = match envelope.data.map(|raw| JsonMembers::read("/data", raw.get(), self.members_max)) {
            Some(Ok(members)) => Some(members.0),
            Some(Err(problem)) => {
                self.problems.push(problem);
                None
            }
            None => {
                if !has_problem(&self, "/data") {
                    self.problem("/data", "a JSON object");
                }
                None
            }
        };
        let (Some(event_type), Some(members)) = (event_type, members) else {
            return Err(Problems(self.problems));
        };
        let (project, data) = self.data("/data", members, event_type);
        self.finish(IncomingEvent {
            id: envelope.id,
            source: envelope.source,
            event_type,
            call: envelope.subject,
            project,
            time: envelope.time,
            extensions: envelope.extensions,
            data,
        })
    }

    fn data(
        &mut self,
        parent: &str,
        members: Vec<(Cow<'_, str>, &RawValue)>,
        event_type: CallEventType,
    ) -> (Option<ProjectId>, CallData) {
        let mut data = CallData::for_claims(members.len().min(Column::ALL.len()));
        let mut project = None;
        for (name, raw) in members {
            match Column::of_name(&name) {
                Some(Column::ProjectId) => {
                    if let Some(Value::Id(id)) = self.value(parent, &name, ColumnType::ObjectId, raw) {
                        project = Some(ProjectId(id));
                    }
                }
                Some(Column::CreatedAt) => data.created_at = self.date(parent, &name, raw),
                Some(Column::UpdatedAt) => data.updated_at = self.date(parent, &name, raw),
                Some(Column::Version) => {
                    if let Some(Value::Number(version)) = self.value(parent, &name, ColumnType::Number, raw) {
                        data.version = Some(version);
                    }
                }
                Some(column) if column.is_claimable() => {
                    if let Some(value) = self.value(parent, &name, column.column_type(), raw) {
                        self.claim(parent, event_type, column, value, &mut data);
                    }
                }
                _ => {
                    if let Some(raw) = self.unknown(parent, &name, raw) {
                        data.unknown.push((name.into(), raw));
                    }
                }
            }
        }
        data.check_needs(parent, event_type, &mut self.problems);
        (project, data)
    }

    fn claim(&mut self, parent: &str, event_type: CallEventType, column: Column, value: Value, data: &mut CallData) {
        if column == Column::Status && value.is_null() {
            return;
        }
        match check_claim(parent, event_type, column, &value) {
            Ok(()) => data.claim(column, value),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn date(&mut self, parent: &str, name: &str, raw: &RawValue) -> Option<Date> {
        match self.value(parent, name, ColumnType::Date, raw) {
            Some(Value::Date(date)) => Some(date),
            _ => None,
        }
    }

    fn value(&mut self, parent: &str, name: &str, column_type: ColumnType, raw: &RawValue) -> Option<Value> {
        let value = parse_value(column_type, raw.get());
        let value = match value {
            None if self.wrapped_values && raw.get().starts_with('{') => parse_wrapped_value(column_type, raw.get()),
            other => other,
        };
        if value.is_none() {
            self.problems.push(Problem::of_member(parent, name, column_type.expectation()));
        }
        value
    }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn major_version(schema: &str) -> Option<u32> {
    let digits = schema.len() - schema.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    schema.get(schema.len() - digits..)?.parse().ok()
}
