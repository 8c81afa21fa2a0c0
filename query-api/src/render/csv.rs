//! A list as CSV, as the reference server writes it: quoted texts, objects as JSON in them, nothing for null.

use schemas::model::Column;
use serde::Serialize;

use super::ListAnswer;
use super::row::in_order;
use crate::parse::select::Selected;

/// A line with the names of the columns, then a line for each row; no line end at the end.
pub(super) fn csv(list: ListAnswer<'_>) -> String {
    let selected = in_order(list.selection, list.compat).into_iter().map(Selected::column);
    let names = std::iter::once(Column::Id).chain(selected).map(|column| quoted(column.name()));
    let mut lines = vec![names.collect::<Vec<String>>().join(",")];
    lines.extend(list.rows().map(|row| {
        let cells: Vec<String> = row.cells().map(|(_, value)| cell(&value)).collect();
        cells.join(",")
    }));
    lines.join("\n")
}

fn cell(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("a cell has only string keys and finite numbers");
    match json.as_bytes().first() {
        Some(b'"') => quoted(&serde_json::from_str::<String>(&json).expect("it was written as a string")),
        Some(b'{') => quoted(&json),
        _ if json == "null" => String::new(),
        _ => json,
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn texts_and_objects_are_quoted_and_the_rest_is_plain() {
        for (value, expected) in [
            (json!("a \"b\",\nü"), "\"a \"\"b\"\",\nü\""),
            (json!(""), "\"\""),
            (json!({"a": "b"}), r#""{""a"":""b""}""#),
            (json!(0.084), "0.084"),
            (json!(false), "false"),
            (Json::Null, ""),
        ] {
            assert_eq!(cell(&value), expected, "{value}");
        }
    }
}
