//! A page of calls as CSV.

use std::collections::HashMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use schemas::model::Column;
use serde_json::value::RawValue;

use super::ListAnswer;
use super::row::selected_columns;
use crate::parse::select::Selected;

/// A line with the names of the columns, then a line per call, as the reference server writes them; it has no answer
/// to an empty page, here that is the names alone.
pub(crate) fn csv_response(answer: &ListAnswer<'_>) -> Response {
    let selected = selected_columns(answer.selection, answer.compat);
    let columns = selected.into_iter().map(Selected::column);
    let names: Vec<&str> = [Column::Id].into_iter().chain(columns).map(Column::name).collect();
    let mut lines = vec![line(names.iter().map(|name| quoted(name)))];
    for row in answer.rows() {
        let json = serde_json::to_string(&row).expect("a row has only string keys and finite numbers");
        let cells: HashMap<&str, &RawValue> = serde_json::from_str(&json).expect("a row is an object with plain names");
        lines.push(line(names.iter().map(|name| cells.get(name).map_or_else(String::new, |value| cell(value.get())))));
    }
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/csv; charset=utf-8")], lines.join("\n")).into_response()
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",")
}

/// A value's JSON as a cell: null is empty, objects keep their JSON.
fn cell(json: &str) -> String {
    match json.chars().next() {
        Some('n') => String::new(),
        Some('{' | '[') => quoted(json),
        Some('"') => serde_json::from_str::<String>(json).map_or_else(|_| quoted(json), |text| quoted(&text)),
        _ => json.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
