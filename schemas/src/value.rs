//! The values that columns hold.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{Column, ColumnType};
use crate::money::NanoUsd;
use crate::time::Date;

/// The value of a scalar column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    Null,
    Boolean(bool),
    Number(i64),
    Cents(NanoUsd),
    Date(Date),
    Id(Uuid),
    Text(Box<str>),
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What reading shows when no event claimed this column, or the claim is empty.
    pub fn default_of(column: Column) -> Self {
        match column {
            Column::IsGlobalProvider | Column::WasBilled => Self::Boolean(false),
            Column::TotalTokens
            | Column::CompletionTokens
            | Column::CachedInputTokens
            | Column::CacheCreationTokens => Self::Number(0),
            Column::CostInUsdCents => Self::Cents(NanoUsd(0)),
            _ => Self::Null,
        }
    }

    /// Whether the column can hold this value.
    pub fn fits(&self, column: Column) -> bool {
        self.is_of(column.column_type())
    }

    /// Whether this is null or a value of the type.
    pub fn is_of(&self, column_type: ColumnType) -> bool {
        matches!(
            (self, column_type),
            (Self::Null, _)
                | (Self::Boolean(_), ColumnType::Boolean)
                | (Self::Number(_), ColumnType::Number)
                | (Self::Cents(_), ColumnType::Cents)
                | (Self::Date(_), ColumnType::Date)
                | (Self::Id(_), ColumnType::ObjectId)
                | (Self::Text(_), ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText)
        )
    }
}
