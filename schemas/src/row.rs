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

    /// The column's value; null when it was not asked for.
    pub fn get(&self, column: Column) -> &Value {
        match self.0.binary_search_by_key(&column, |(column, _)| *column) {
            Ok(at) => self.0.get(at).map_or(&Value::Null, |(_, value)| value),
            Err(_) => &Value::Null,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Column, Value)> {
        self.0.iter()
    }
}

/// The value that reading shows for a scalar column of a call.
pub fn value(key: CallKey, call: &LiveCall, column: Column) -> Value {
    match column {
        Column::Id => Value::Id(key.call.0),
        Column::ProjectId => Value::Id(key.project.0),
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
