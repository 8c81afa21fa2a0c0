//! The values that columns hold.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

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

    /// Appends the value as Postgres writes it when it is cast to a text; of null nothing.
    pub fn write_text(&self, text: &mut String) {
        let written = match self {
            Self::Null => Ok(()),
            Self::Boolean(value) => write!(text, "{value}"),
            Self::Number(number) => write!(text, "{number}"),
            Self::Cents(amount) => write!(text, "{amount}"),
            Self::Date(date) => date.write_as_postgres(text),
            Self::Id(id) => {
                text.push_str(id.as_hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]));
                Ok(())
            }
            Self::Text(own) => {
                text.push_str(own);
                Ok(())
            }
        };
        written.expect("a String takes every write");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_postgres_casts_them() {
        let date = |text| Value::Date(Date::parse(text).expect("a date"));
        for (value, expected) in [
            (Value::Null, ""),
            (Value::Boolean(true), "true"),
            (Value::Boolean(false), "false"),
            (Value::Number(-42), "-42"),
            (Value::Cents(NanoUsd(1_164_000)), "0.1164"),
            (Value::Cents(NanoUsd(50_000_000)), "5"),
            (date("2026-03-01T05:00:00.123Z"), "2026-03-01 05:00:00.123+00"),
            (date("2026-03-01T05:00:00.120Z"), "2026-03-01 05:00:00.12+00"),
            (date("2026-03-01T05:00:00.007Z"), "2026-03-01 05:00:00.007+00"),
            (date("2026-03-01T05:00:00Z"), "2026-03-01 05:00:00+00"),
            (date("1969-12-31T23:59:59.900Z"), "1969-12-31 23:59:59.9+00"),
            (date("0001-02-03T04:05:06Z"), "0001-02-03 04:05:06+00"),
            (Value::Id(Uuid::from_u128(0xABCD)), "00000000-0000-0000-0000-00000000abcd"),
            (Value::text("as IT is "), "as IT is "),
        ] {
            let mut text = String::new();
            value.write_text(&mut text);
            assert_eq!(text, expected);
        }
    }
}
