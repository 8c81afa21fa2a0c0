//! Schemas of single values.

use serde_json::{Value as Json, json};

use crate::limits::{ATTRIBUTE_BYTES, LONG_TEXT_BYTES, NUMBER_MAX, TEXT_CHARS, VERY_LONG_TEXT_BYTES};
use crate::model::{Column, ColumnType};
use crate::money::{NanoUsd, cents_text};
use crate::value::Value;

/// Where a schema finds what an id looks like.
pub(super) const OBJECT_ID: &str = "#/$defs/objectId";
/// Where a schema finds what a date looks like.
pub(super) const DATE: &str = "#/$defs/date";

const UUID_PATTERN: &str = concat!(
    "^(([Uu][Rr][Nn]:[Uu][Uu][Ii][Dd]:)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "|\\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\\}|[0-9A-Fa-f]{32})$"
);
const DATE_PATTERN: &str = concat!(
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)",
    "(\\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
);

/// What ids and dates look like, for the `$defs` of every schema.
pub(super) fn definitions() -> Json {
    json!({
        "objectId": {
            "description": "A UUID in any case, in braces, with hyphens or without.",
            "format": "uuid",
            "pattern": UUID_PATTERN,
        },
        "date": {
            "description": "An RFC 3339 date and time of the years 1 to 9999.",
            "format": "date-time",
            "pattern": DATE_PATTERN,
        },
    })
}

/// An attribute of the envelope; null is the same as leaving it out.
pub(super) fn attribute(description: &str) -> Json {
    json!({
        "description": format!("{description} At most {ATTRIBUTE_BYTES} bytes."),
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": ATTRIBUTE_BYTES,
    })
}

/// An attribute that has to be there.
pub(super) fn required_attribute(description: &str) -> Json {
    without_null(attribute(description))
}

/// The schema, with null no longer allowed.
pub(super) fn without_null(mut schema: Json) -> Json {
    if let Some(json_type) = schema.get_mut("type")
        && let Some(first) = json_type.get(0).cloned()
    {
        *json_type = first;
    }
    schema
}

/// The value that an event claims for a column.
pub(super) fn column(column: Column) -> Json {
    let info = column.info();
    let mut schema = json!({ "title": info.column_type.title(), "description": description(column) });
    let value = match info.column_type {
        ColumnType::ObjectId => json!({ "type": ["string", "null"], "$ref": OBJECT_ID }),
        ColumnType::Date => json!({ "type": ["string", "null"], "$ref": DATE }),
        ColumnType::Number => json!({ "type": ["integer", "null"], "minimum": 0, "maximum": NUMBER_MAX }),
        ColumnType::Cents => {
            json!({ "type": ["number", "null"], "minimum": cents(NanoUsd::MIN), "maximum": cents(NanoUsd::MAX) })
        }
        ColumnType::Boolean => json!({ "type": ["boolean", "null"] }),
        ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText => json!({ "type": ["string", "null"] }),
        ColumnType::Relation(_) => json!({}),
    };
    if let (Some(schema), Json::Object(value)) = (schema.as_object_mut(), value) {
        schema.extend(value);
    }
    schema
}

/// An amount that is a whole number of cents.
fn cents(amount: NanoUsd) -> Option<i64> {
    cents_text(i128::from(amount.0)).parse().ok()
}

fn description(column: Column) -> String {
    let info = column.info();
    let text = info.description.trim_end_matches('.');
    let stop = if text.ends_with('?') { "" } else { "." };
    let required = match Value::default_of(column) {
        _ if !info.required => "",
        Value::Boolean(_) => " Required in the model: false when no event says it.",
        Value::Number(_) | Value::Cents(_) => " Required in the model: 0 when no event says it.",
        _ => " Required in the model.",
    };
    let cut = match info.column_type {
        ColumnType::Text => format!(" A text of more than {TEXT_CHARS} characters is cut."),
        ColumnType::LongText => format!(" A text of more than {LONG_TEXT_BYTES} bytes is cut."),
        ColumnType::VeryLongText => format!(" A text of more than {VERY_LONG_TEXT_BYTES} bytes is cut."),
        _ => String::new(),
    };
    format!("{text}{stop}{required}{cut}")
}
