//! Casting what a client sent to a column's type, by the rules of Postgres's input.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use schemas::model::{Column, ColumnType};
use schemas::money::NanoUsd;
use schemas::time::Date;
use schemas::value::Value;
use serde_json::Value as Json;
use uuid::Uuid;

use super::js;
use super::shown::shown;

/// A value that a column can't be compared with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{column}: expected {expected}, got {got}")]
pub(crate) struct NotCastable {
    pub(super) column: String,
    pub(super) expected: &'static str,
    pub(super) got: String,
}

impl NotCastable {
    pub(super) fn new(column: &str, expected: &'static str, got: &Json) -> Self {
        let got = match got {
            Json::Array(_) => "an array".to_owned(),
            Json::Object(_) => "an object".to_owned(),
            other => shown(&other.to_string()),
        };
        Self { column: column.to_owned(), expected, got }
    }
}

/// What a column of this type is compared with.
fn expectation(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Number => "a whole number from -2147483648 to 2147483647",
        ColumnType::Date => "a date such as \"2026-03-01\" or \"2026-03-01T06:00:00.123Z\" (without a zone it is UTC)",
        ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText => "a text without the character NUL",
        other => other.expectation(),
    }
}

/// The value of a scalar in JSON as the column holds it. A relation's column is compared by its id.
pub(super) fn to_column(column: Column, json: &Json) -> Result<Value, NotCastable> {
    let column_type = match column.column_type() {
        ColumnType::Relation(_) => ColumnType::ObjectId,
        own => own,
    };
    to_type(column.name(), column_type, json)
}

pub(super) fn to_type(name: &str, column_type: ColumnType, json: &Json) -> Result<Value, NotCastable> {
    let refuse = || NotCastable::new(name, expectation(column_type), json);
    if json.is_null() || json.is_array() || json.is_object() {
        return Err(refuse());
    }
    let text = js::string_of(json);
    if text.contains('\0') {
        return Err(refuse());
    }
    let value = match column_type {
        ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText => Some(Value::text(text)),
        ColumnType::Number => text.trim().parse::<i32>().ok().map(|number| Value::Number(i64::from(number))),
        ColumnType::Cents => cents(&text).map(Value::Cents),
        ColumnType::Boolean => boolean(&text).map(Value::Boolean),
        ColumnType::ObjectId => uuid(&text).map(Value::Id),
        ColumnType::Date => date(&text).map(Value::Date),
        ColumnType::Relation(_) => None,
    };
    value.ok_or_else(refuse)
}

fn cents(text: &str) -> Option<NanoUsd> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { "-" } else { "" };
    let zero = if unsigned.starts_with('.') { "0" } else { "" };
    NanoUsd::from_cents(&format!("{sign}{zero}{unsigned}")).ok()
}

/// `t`, `tr`, … `true`, `y`, … `yes`, `on`, `1` and their opposites, in any case.
fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let short_for = |whole: &str| !text.is_empty() && whole.starts_with(&text);
    match text.as_str() {
        "on" | "1" => Some(true),
        "of" | "off" | "0" => Some(false),
        _ if short_for("true") || short_for("yes") => Some(true),
        _ if short_for("false") || short_for("no") => Some(false),
        _ => None,
    }
}

/// 32 hexadecimal digits of any case, with or without braces, and with or without a hyphen after any four of them.
fn uuid(text: &str) -> Option<Uuid> {
    let braced = text.strip_prefix('{').map(|rest| rest.strip_suffix('}'));
    let mut rest = braced.unwrap_or(Some(text))?;
    let mut digits = String::with_capacity(32);
    while !rest.is_empty() {
        let (four, after) = rest.split_at_checked(4)?;
        digits.push_str(four);
        rest = match after.strip_prefix('-') {
            Some("") => return None,
            Some(behind) => behind,
            None => after,
        };
    }
    let plain = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { Uuid::try_parse(&digits).ok() } else { None }
}

/// A date, with or without time and zone. Finer than a millisecond is cut, as in the rows themselves.
pub(super) fn date(text: &str) -> Option<Date> {
    let text = text.trim();
    let (day, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' ']).map_or(rest, str::trim_start);
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone_at)?;
    let time = match time.trim() {
        "" => NaiveTime::MIN,
        time => ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(time, format).ok())?,
    };
    let local = NaiveDateTime::new(day, time).and_utc().timestamp_millis();
    Some(Date(local - zone_offset_ms(zone.trim())?))
}

/// `Z`, `+02`, `+02:00`, `-0530` or nothing.
fn zone_offset_ms(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone.get(1..)?.replace(':', "");
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = digits.get(2..).filter(|minutes| !minutes.is_empty()).map_or(Ok(0), str::parse).ok()?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cast(column: Column, json: &Json) -> Option<Value> {
        to_column(column, json).ok()
    }

    #[test]
    fn numbers_may_be_texts_and_nothing_else() {
        for json in [json!(500), json!("500"), json!(" +500 "), json!(500.0)] {
            assert_eq!(cast(Column::TotalTokens, &json), Some(Value::Number(500)), "{json}");
        }
        for json in [
            json!(5.5),
            json!("5.0"),
            json!(""),
            json!(true),
            json!("1e2"),
            json!(2_147_483_648_i64),
            json!(null),
            json!([5]),
        ] {
            assert_eq!(cast(Column::TotalTokens, &json), None, "{json}");
        }
    }

    #[test]
    fn booleans_are_read_as_postgres_reads_them() {
        for json in
            [json!(true), json!("t"), json!("TRUE"), json!("yes"), json!("y"), json!("on"), json!(1), json!(" 1 ")]
        {
            assert_eq!(cast(Column::WasBilled, &json), Some(Value::Boolean(true)), "{json}");
        }
        for json in [json!(false), json!("fal"), json!("n"), json!("off"), json!(0)] {
            assert_eq!(cast(Column::WasBilled, &json), Some(Value::Boolean(false)), "{json}");
        }
        for json in [json!("o"), json!(""), json!(2), json!("truer")] {
            assert_eq!(cast(Column::WasBilled, &json), None, "{json}");
        }
    }

    #[test]
    fn amounts_are_exact_and_may_be_fractional() {
        for (json, nano) in [
            (json!(0.1164), 1_164_000),
            (json!("0.1164"), 1_164_000),
            (json!(".5"), 5_000_000),
            (json!(-1), -10_000_000),
        ] {
            assert_eq!(cast(Column::CostInUsdCents, &json), Some(Value::Cents(NanoUsd(nano))), "{json}");
        }
        assert_eq!(cast(Column::CostInUsdCents, &json!("NaN")), None);
        assert_eq!(cast(Column::CostInUsdCents, &json!("--1")), None);
    }

    #[test]
    fn ids_are_read_as_postgres_reads_them() {
        let id = "550e8400-e29b-41d4-a716-446655440000";
        for text in [
            id,
            "550E8400-E29B-41D4-A716-446655440000",
            "550e8400e29b41d4a716446655440000",
            "{550e8400-e29b-41d4-a716-446655440000}",
            "550e-8400-e29b-41d4-a716-4466-5544-0000",
            "550e8400-e29b41d4-a716-446655440000",
        ] {
            assert_eq!(uuid(text), id.parse().ok(), "{text}");
        }
        for text in [
            "",
            "{}",
            " 550e8400-e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-446655440000-",
            "550e8400-e29b-41d4-a716-44665544000",
            "550e8400-e29b-41d4-a716-4466554400000",
            "{550e8400-e29b-41d4-a716-446655440000",
            "550e840-0e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-44665544000g",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
            "５50e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }

    #[test]
    fn dates_without_a_zone_are_utc() {
        for (text, expected) in [
            ("2026-03-02", "2026-03-02T00:00:00.000Z"),
            ("2026-03-02T05:06:07", "2026-03-02T05:06:07.000Z"),
            ("2026-03-02 05:06", "2026-03-02T05:06:00.000Z"),
            ("2026-03-02 05:06:07.123456+02", "2026-03-02T03:06:07.123Z"),
            ("2026-03-02T05:06:07.5-05:30", "2026-03-02T10:36:07.500Z"),
            ("2026-03-02T05:06:07z", "2026-03-02T05:06:07.000Z"),
            ("2026-03-02T05:06:07+23:59", "2026-03-01T05:07:07.000Z"),
        ] {
            assert_eq!(date(text).map(|date| date.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-03-02T25:00:00Z",
            "2026-03-02T05:06:07+2",
            "2026-03-02T05:06:07+24:00",
            "2026-03-02 x",
            "２０２６-03-02",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn an_error_names_the_column_and_repeats_no_more_than_the_start_of_the_value() {
        let error = to_column(Column::IncidentId, &json!("x".repeat(500))).expect_err("no id");
        let text = error.to_string();
        assert!(text.starts_with("incidentId: expected a UUID such as "), "{text}");
        assert!(text.len() < 200 && text.ends_with('…'), "{text}");
        assert!(to_column(Column::Status, &json!("a\0b")).is_err());
    }
}
