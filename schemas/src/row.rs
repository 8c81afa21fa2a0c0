//! A call as the API shows it.

use serde::{Deserialize, Serialize};

use crate::fold::LiveCall;
use crate::id::CallKey;
use crate::model::{Column, ColumnSet};
use crate::value::Value;

/// Scalar columns of one call, in the order of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row(Vec<(Column, Value)>);

impl Row {
    /// The columns of a visible call; relations are not among them.
    pub fn of(key: CallKey, call: &LiveCall, columns: ColumnSet) -> Self {
        let wanted = columns.iter().filter(|column| column.relation().is_none());
        Self(wanted.map(|column| (column, value(key, call, column))).collect())
    }

    /// The columns of the call with this key, if it takes no more than the key to know them.
    pub fn of_key(key: CallKey, columns: ColumnSet) -> Option<Self> {
        let wanted = columns.iter().filter(|column| column.relation().is_none());
        wanted.map(|column| Some((column, value_of_key(key, column)?))).collect::<Option<_>>().map(Self)
    }

    /// The column's value; null when it was not asked for.
    pub fn get(&self, column: Column) -> &Value {
        match self.0.binary_search_by_key(&column, |(column, _)| *column) {
            Ok(at) => self.0.get(at).map_or(&Value::Null, |(_, value)| value),
            Err(_) => &Value::Null,
        }
    }

    /// Bytes of its texts.
    pub fn text_bytes(&self) -> usize {
        self.0.iter().map(|(_, value)| if let Value::Text(text) = value { text.len() } else { 0 }).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Column, Value)> {
        self.0.iter()
    }
}

/// The value that reading shows for a scalar column of a call.
pub fn value(key: CallKey, call: &LiveCall, column: Column) -> Value {
    if let Some(value) = value_of_key(key, column) {
        return value;
    }
    match column {
        Column::CreatedAt => call.created_at().map_or(Value::Null, Value::Date),
        Column::UpdatedAt => call.updated_at().map_or(Value::Null, Value::Date),
        Column::Version => Value::Number(call.version()),
        Column::DurationMs => duration(call),
        _ => match call.claimed(column) {
            None | Some(Value::Null) => Value::default_of(column),
            Some(value) => value.clone(),
        },
    }
}

fn value_of_key(key: CallKey, column: Column) -> Option<Value> {
    match column {
        Column::Id => Some(Value::Id(key.call.0)),
        Column::ProjectId => Some(Value::Id(key.project.0)),
        _ => None,
    }
}

/// The duration that an event claims, else the time between start and completion.
fn duration(call: &LiveCall) -> Value {
    if let Some(claimed) = call.claimed(Column::DurationMs) {
        return claimed.clone();
    }
    match (call.claimed(Column::RequestStartedAt), call.claimed(Column::RequestCompletedAt)) {
        (Some(Value::Date(start)), Some(Value::Date(end))) if end >= start => Value::Number(end.0 - start.0),
        _ => Value::Null,
    }
}
