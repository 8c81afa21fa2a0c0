//! Writing events: the value of a record in the log.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{CallData, CallEvent, MAJOR_VERSION};
use crate::id::ProjectId;
use crate::model::Column;
use crate::value::Value;

impl CallEvent {
    /// The record's value.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event has only string keys and finite numbers")
    }
}

impl Serialize for CallEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("type", &self.event_type.to_string())?;
        map.serialize_entry("subject", &self.key.call)?;
        map.serialize_entry("time", &self.time.to_string())?;
        map.serialize_entry("dataschema", &format!("llm-log:call:{MAJOR_VERSION}"))?;
        for (name, value) in &self.extensions {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("data", &Data { project: self.key.project, data: &self.data })?;
        map.end()
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
            map.serialize_entry(Column::CreatedAt.name(), &date.to_string())?;
        }
        if let Some(date) = self.data.updated_at {
            map.serialize_entry(Column::UpdatedAt.name(), &date.to_string())?;
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
