//! Writing events: the value of a record in the log.

use std::fmt::Display;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{CallData, CallEvent, MAJOR_VERSION};
use crate::id::ProjectId;
use crate::model::Column;
use crate::value::Value;

/// About what an event has beside its claims, and a claim beside its text.
const ENVELOPE_BYTES: usize = 400;
const CLAIM_BYTES: usize = 40;

impl CallEvent {
    /// The record's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.size_hint());
        serde_json::to_writer(&mut value, self).expect("an event has only string keys and finite numbers");
        value
    }

    /// About as many bytes as the record's value has, unless its texts need escapes.
    fn size_hint(&self) -> usize {
        let texts = self.data.claims().iter().filter_map(|(_, value)| value.as_text()).map(str::len);
        let extensions =
            self.extensions.iter().chain(&self.data.unknown).map(|(name, value)| name.len() + value.0.get().len());
        ENVELOPE_BYTES + CLAIM_BYTES * self.data.claims().len() + texts.chain(extensions).sum::<usize>()
    }
}

impl Serialize for CallEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("type", &Shown(&self.event_type))?;
        map.serialize_entry("subject", &self.key.call)?;
        map.serialize_entry("time", &Shown(&self.time))?;
        map.serialize_entry("dataschema", &Shown(&format_args!("llm-log:call:{MAJOR_VERSION}")))?;
        for (name, value) in &self.extensions {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("data", &Data { project: self.key.project, data: &self.data })?;
        map.end()
    }
}

/// A string of JSON.
struct Shown<'a, T: Display>(&'a T);

impl<T: Display> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

struct Data<'a> {
    project: ProjectId,
    data: &'a CallData,
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(Column::ProjectId.name(), &self.project)?;
        if let Some(date) = self.data.created_at {
            map.serialize_entry(Column::CreatedAt.name(), &Shown(&date))?;
        }
        if let Some(date) = self.data.updated_at {
            map.serialize_entry(Column::UpdatedAt.name(), &Shown(&date))?;
        }
        if let Some(version) = self.data.version {
            map.serialize_entry(Column::Version.name(), &version)?;
        }
        for (column, value) in self.data.claims() {
            map.serialize_entry(column.name(), &PlainJson(value))?;
        }
        for (name, value) in &self.data.unknown {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A value as plain JSON: ids and dates as strings, amounts as decimal numbers.
#[derive(Debug)]
pub struct PlainJson<'a>(pub &'a Value);

impl Serialize for PlainJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Number(value) => serializer.serialize_i64(*value),
            Value::Cents(amount) => decimal(&amount.to_string()).serialize(serializer),
            Value::Date(date) => serializer.collect_str(date),
            Value::Id(id) => serializer.collect_str(&id.as_hyphenated()),
            Value::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// A JSON number with just these digits.
fn decimal(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).or_else(|_| to_raw_value(text)).expect("a string is valid JSON")
}
