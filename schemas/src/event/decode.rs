//! Reading events: from producers (with everything that is wrong in them) and back from the log.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::data::{CallData, RawJson};
use super::members::JsonMembers;
use super::{CALL_TYPE_PREFIX, CallEvent, CallEventType, MAJOR_VERSION};
use crate::id::{CallId, CallKey, ProjectId};
use crate::limits::{ATTRIBUTE_BYTES, NUMBER_MAX};
use crate::model::{Column, ColumnType};
use crate::money::NanoUsd;
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
        let incoming = decode_structured(value).map_err(|problems| match unknown_type(value) {
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
    let name: String = serde_json::from_str(raw.get()).ok()?;
    CallEventType::of_type(&name).is_none().then_some(name)
}

/// Reads a CloudEvent in structured mode, or an LLM Log object, which counts as `recorded`.
pub fn decode_structured(value: &[u8]) -> Result<IncomingEvent, Problems> {
    let text = std::str::from_utf8(value).map_err(|_| Problem::new("", "UTF-8 text"))?;
    let members = JsonMembers::parse(text).map_err(|error| Problem::new("", format!("a JSON object: {error}")))?;
    if members.0.iter().any(|(name, _)| name == "specversion") {
        decode_cloud_event(members)
    } else {
        decode_object(members)
    }
}

/// Reads a CloudEvent in binary mode: attributes without their `ce_` prefix, and the value as `data`.
pub fn decode_binary(attributes: &[(&str, &str)], value: &[u8]) -> Result<IncomingEvent, Problems> {
    let text = std::str::from_utf8(value).map_err(|_| Problem::new("/data", "UTF-8 text"))?;
    let mut decoder = Decoder::default();
    let mut envelope = Envelope::default();
    for (name, attribute) in attributes {
        if name.starts_with("data") && *name != "dataschema" {
            continue;
        }
        let json = serde_json::value::to_raw_value(attribute).map_err(|_| Problem::new("", "text attributes"))?;
        decoder.attribute(&mut envelope, name, &json);
    }
    if let Ok(raw) = serde_json::from_str::<&RawValue>(text) {
        envelope.data = Some(raw.to_owned());
    } else {
        decoder.problem("/data", "a JSON object");
    }
    decoder.event(envelope)
}

fn decode_cloud_event(members: JsonMembers<'_>) -> Result<IncomingEvent, Problems> {
    let mut decoder = Decoder::default();
    let mut envelope = Envelope::default();
    for (name, raw) in members.0 {
        if name == "data" {
            envelope.data = Some(raw.to_owned());
        } else {
            decoder.attribute(&mut envelope, &name, raw);
        }
    }
    decoder.event(envelope)
}

fn decode_object(members: JsonMembers<'_>) -> Result<IncomingEvent, Problems> {
    let mut decoder = Decoder { wrapped_values: true, ..Decoder::default() };
    let mut call = None;
    let mut rest = Vec::with_capacity(members.0.len());
    for (name, raw) in members.0 {
        if name == "_id" {
            if let Some(Value::Id(id)) = decoder.value("", "_id", ColumnType::ObjectId, raw) {
                call = Some(CallId(id));
            }
        } else {
            rest.push((name, raw));
        }
    }
    let (project, data) = decoder.data("", rest, CallEventType::Recorded);
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
struct Envelope {
    specversion: Option<Box<str>>,
    id: Option<Box<str>>,
    source: Option<Box<str>>,
    event_type: Option<Box<str>>,
    subject: Option<CallId>,
    time: Option<Timestamp>,
    extensions: Vec<(Box<str>, RawJson)>,
    data: Option<Box<RawValue>>,
}

/// Reads values and gathers what is wrong with them.
#[derive(Default)]
struct Decoder {
    problems: Vec<Problem>,
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

    fn attribute(&mut self, envelope: &mut Envelope, name: &str, raw: &RawValue) {
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
            _ => envelope.extensions.push((name.into(), RawJson(raw.to_owned()))),
        }
    }

    fn text_attribute(&mut self, name: &str, raw: &RawValue) -> Option<Box<str>> {
        if raw.get() == "null" {
            return None;
        }
        match serde_json::from_str::<Cow<'_, str>>(raw.get()) {
            Ok(text) if !text.is_empty() && text.len() <= ATTRIBUTE_BYTES => Some(text.into()),
            _ => {
                let expected = format!("a string of 1 to {ATTRIBUTE_BYTES} bytes");
                self.problems.push(Problem::of_member("", name, expected));
                None
            }
        }
    }

    fn event(mut self, envelope: Envelope) -> Result<IncomingEvent, Problems> {
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
        let members = match envelope.data.as_deref().map(|raw| JsonMembers::parse(raw.get())) {
            Some(Ok(members)) => members.0,
            Some(Err(error)) => {
                self.problem("/data", format!("a JSON object: {error}"));
                Vec::new()
            }
            None => {
                if !has_problem(&self, "/data") {
                    self.problem("/data", "a JSON object");
                }
                Vec::new()
            }
        };
        let known_data = envelope.data.is_some();
        let (Some(event_type), true) = (event_type, known_data) else {
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
        let mut data = CallData::default();
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
                _ => data.unknown.push((name.into(), RawJson(raw.to_owned()))),
            }
        }
        self.check_needs(parent, event_type, &data);
        (project, data)
    }

    fn claim(&mut self, parent: &str, event_type: CallEventType, column: Column, value: Value, data: &mut CallData) {
        if column == Column::Status && value.is_null() {
            return;
        }
        if !event_type.may_claim(column) {
            let expected = format!("no such member in an event of type {event_type}");
            self.problems.push(Problem::of_member(parent, column.name(), expected));
        } else if event_type == CallEventType::Failed && column == Column::Status && value.as_text() == Some("Success")
        {
            let expected = "the status of a failure, such as \"Error\"";
            self.problems.push(Problem::of_member(parent, column.name(), expected));
        } else {
            data.claim(column, value);
        }
    }

    fn check_needs(&mut self, parent: &str, event_type: CallEventType, data: &CallData) {
        let status_is_wrong = self.problems.iter().any(|problem| problem.pointer == format!("{parent}/status"));
        if event_type == CallEventType::Recorded && data.claimed(Column::Status).is_none() && !status_is_wrong {
            self.problems.push(Problem::of_member(parent, "status", "the outcome, such as \"Success\" or \"Error\""));
        }
        if event_type == CallEventType::Annotated && data.claims().is_empty() && self.problems.is_empty() {
            let names: Vec<_> =
                Column::ALL.into_iter().filter(|column| event_type.may_claim(*column)).map(Column::name).collect();
            self.problem(parent, format!("at least one of {}", names.join(", ")));
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
            None if self.wrapped_values && raw.get().starts_with('{') => unwrapped(column_type, raw.get()),
            other => other,
        };
        if value.is_none() {
            self.problems.push(Problem::of_member(parent, name, column_type.expectation()));
        }
        value
    }
}

impl CallEventType {
    /// Whether an event of this type may claim the column.
    pub fn may_claim(self, column: Column) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Recorded | Self::Started => column.is_claimable(),
            Self::Annotated => matches!(
                column,
                Column::IncidentId
                    | Column::AlertId
                    | Column::ScheduledMaintenanceId
                    | Column::AiRunId
                    | Column::UserId
                    | Column::Feature
                    | Column::CostInUsdCents
                    | Column::WasBilled
            ),
            Self::Abandoned | Self::Erased => false,
        }
    }
}

fn parse_value(column_type: ColumnType, json: &str) -> Option<Value> {
    if json == "null" {
        return Some(Value::Null);
    }
    match column_type {
        ColumnType::Boolean => serde_json::from_str(json).ok().map(Value::Boolean),
        ColumnType::Number => whole_number(json).map(Value::Number),
        ColumnType::Cents => NanoUsd::from_cents(json).ok().map(Value::Cents),
        ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText => {
            serde_json::from_str(json).ok().map(Value::Text)
        }
        ColumnType::ObjectId => {
            let text: Cow<'_, str> = serde_json::from_str(json).ok()?;
            crate::id::parse_uuid(&text).ok().map(Value::Id)
        }
        ColumnType::Date => {
            let text: Cow<'_, str> = serde_json::from_str(json).ok()?;
            Date::parse(&text).ok().map(Value::Date)
        }
        ColumnType::Relation(_) => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range was checked just before")]
#[expect(clippy::cast_precision_loss, reason = "the greatest number is the greatest that a double holds exactly")]
fn whole_number(json: &str) -> Option<i64> {
    let number = match json.parse::<i64>() {
        Ok(number) => number,
        Err(_) => match json.parse::<f64>() {
            Ok(double) if double.fract() == 0.0 && (0.0..=NUMBER_MAX as f64).contains(&double) => double as i64,
            _ => return None,
        },
    };
    (0..=NUMBER_MAX).contains(&number).then_some(number)
}

fn unwrapped(column_type: ColumnType, json: &str) -> Option<Value> {
    let expected = match column_type {
        ColumnType::ObjectId => "ObjectID",
        ColumnType::Date => "DateTime",
        _ => return None,
    };
    let members = JsonMembers::parse(json).ok()?;
    let member = |wanted: &str| members.0.iter().find(|(name, _)| name == wanted).map(|(_, raw)| raw.get());
    let wrapper: Cow<'_, str> = serde_json::from_str(member("_type")?).ok()?;
    if wrapper == expected { parse_value(column_type, member("value")?) } else { None }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn major_version(schema: &str) -> Option<u32> {
    let digits = schema.len() - schema.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    schema.get(schema.len() - digits..)?.parse().ok()
}
