//! Values of columns as JSON has them.

use super::members::JsonMembers;
use super::texts::parse_text;
use crate::limits::{JSON_DEPTH, NUMBER_MAX};
use crate::model::ColumnType;
use crate::money::NanoUsd;
use crate::time::Date;
use crate::value::Value;

/// The value that a column of this type has in plain JSON.
pub(super) fn parse_value(column_type: ColumnType, json: &str) -> Option<Value> {
    if json == "null" {
        return Some(Value::Null);
    }
    match column_type {
        ColumnType::Boolean => serde_json::from_str(json).ok().map(Value::Boolean),
        ColumnType::Number => whole_number(json).map(Value::Number),
        ColumnType::Cents => NanoUsd::from_cents(json).ok().map(Value::Cents),
        ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText => parse_text(json).map(Value::Text),
        ColumnType::ObjectId => crate::id::parse_uuid(&parse_text(json)?).ok().map(Value::Id),
        ColumnType::Date => Date::parse(&parse_text(json)?).ok().map(Value::Date),
        ColumnType::Relation(_) => None,
    }
}

/// The value of an id or a date that came as `{"_type": …, "value": …}`.
pub(super) fn parse_wrapped_value(column_type: ColumnType, json: &str) -> Option<Value> {
    let expected = match column_type {
        ColumnType::ObjectId => "ObjectID",
        ColumnType::Date => "DateTime",
        _ => return None,
    };
    let members = JsonMembers::parse(json).ok()?;
    let member = |wanted: &str| members.0.iter().find(|(name, _)| name == wanted).map(|(_, raw)| raw.get());
    if *parse_text(member("_type")?)? == *expected { parse_value(column_type, member("value")?) } else { None }
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

/// Whether valid JSON nests no deeper than events may.
pub(super) fn depth_fits(json: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > JSON_DEPTH {
                    return false;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}
