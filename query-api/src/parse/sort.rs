//! `sort`: in which order.

mod related;

use std::fmt;

use axum::http::StatusCode;
use schemas::access::ReadScope;
use schemas::limits::RELATED_ROWS;
use schemas::model::{Column, Relation};
use schemas::query::{SortBy, SortKey};
use schemas::reference::ReferenceData;
use schemas::value::Value;
use serde_json::Value as Json;

use super::relation::{self, Field, RelationError};
use super::select::Selection;
use super::shown::shown;

/// The key that orders by relevance instead of a column.
const RELEVANCE: &str = "_relevance";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SortError {
    #[error("sort: column {0} does not exist on LLM Log")]
    UnknownColumn(String),
    #[error("sort: expected an object such as {{\"createdAt\":-1}}")]
    NotAnObject,
    #[error("sort.{0}: expected a direction, 1 or -1, got null")]
    NoDirection(String),
    #[error("sort.{0}: expected an object with a field of the related row, such as {{\"_id\":1}}")]
    WholeRelation(&'static str),
    #[error("sort.{0}: {1}")]
    Relation(&'static str, RelationError),
    #[error(
        "sort.{column}.{field}: expected {column} to be selected too, as in \"select\":{{\"{column}\":{{\"{field}\":true}}}}"
    )]
    NotSelected { column: &'static str, field: &'static str },
    #[error("sort.{column}.{field}: expected at most {RELATED_ROWS} related rows that have it, there are more")]
    TooManyRows { column: &'static str, field: &'static str },
    #[error("sort._relevance: expected a FullText condition in the query")]
    NothingToRank,
}

impl SortError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Relation(_, RelationError::NoPermission { .. }) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// What a list is sorted by, as the request says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order(Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    by: By,
    direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Column(Column),
    Related { column: Column, relation: Relation, field: Field },
    Relevance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Direction {
    descending: bool,
    nulls_first: bool,
}

/// The order asked for, the newest first by default. `ranked`: the query has a full-text condition.
pub(crate) fn parse(sort: Option<&Json>, ranked: bool, selection: &Selection) -> Result<Order, SortError> {
    let members = match sort {
        Some(Json::Object(members)) if !members.is_empty() => members,
        Some(Json::Array(elements)) if !elements.is_empty() => return Err(SortError::NotAnObject),
        Some(Json::String(text)) if !text.is_empty() => return Err(SortError::NotAnObject),
        _ => return Ok(Order::newest_first()),
    };
    let mut keys = Vec::new();
    for (name, value) in members {
        if name == RELEVANCE {
            if !ranked {
                return Err(SortError::NothingToRank);
            }
            keys.push(Key { by: By::Relevance, direction: Direction::parse(name, value)? });
            continue;
        }
        let column = Column::of_name(name).ok_or_else(|| SortError::UnknownColumn(shown(name)))?;
        if let Some(relation) = column.relation() {
            keys.extend(related_keys(column, relation, value, selection)?);
            continue;
        }
        let direction = Direction::parse(name, value)?;
        // These are null in every call, so they order nothing.
        if !matches!(column, Column::DeletedAt | Column::DeletedByUserId) {
            keys.push(Key { by: By::Column(column), direction });
        }
    }
    Ok(Order(keys))
}

fn related_keys(
    column: Column,
    relation: Relation,
    value: &Json,
    selection: &Selection,
) -> Result<Vec<Key>, SortError> {
    let Some(fields) = value.as_object().filter(|fields| !fields.is_empty()) else {
        return Err(SortError::WholeRelation(column.name()));
    };
    let key = |(name, value): (&String, &Json)| {
        let field = relation::field(relation, name);
        let field = field.map_err(|error| SortError::Relation(column.name(), error))?;
        if !selection.columns.iter().any(|selected| selected.column() == column) {
            return Err(SortError::NotSelected { column: column.name(), field: field.name });
        }
        let direction = Direction::parse(&format!("{}.{name}", column.name()), value)?;
        Ok(Key { by: By::Related { column, relation, field }, direction })
    };
    fields.iter().map(key).collect()
}

impl Order {
    fn newest_first() -> Self {
        Self(vec![Key { by: By::Column(Column::CreatedAt), direction: Direction::plain(true) }])
    }

    pub(crate) fn is_by_relevance(&self) -> bool {
        self.0.iter().any(|key| key.by == By::Relevance)
    }

    /// The order as readers take it: with what the reference data says now of the rows that calls of the scope see.
    pub(crate) fn keys(&self, reference: &ReferenceData, scope: ReadScope) -> Result<Vec<SortKey>, SortError> {
        let key = |Key { by, direction }: &Key| {
            let by = match *by {
                By::Column(column) => SortBy::Column(column),
                By::Relevance => SortBy::Relevance,
                By::Related { column, relation, field } => {
                    SortBy::Related(related::field(column, relation, field, reference, scope)?.into())
                }
            };
            Ok(SortKey { by, descending: direction.descending, nulls_first: direction.nulls_first })
        };
        self.0.iter().map(key).collect()
    }

    /// Whether these can be the values that a row is sorted by.
    pub(crate) fn sorts(&self, values: &[Value]) -> bool {
        let fits = |(key, value): (&Key, &Value)| match key.by {
            By::Column(column) => value.fits(column),
            By::Related { field, .. } => value.is_of(field.column_type),
            By::Relevance => false,
        };
        values.len() == self.0.len() && self.0.iter().zip(values).all(fits)
    }
}

/// The same text for the same order, however the request wrote it.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Key { by, direction } in &self.0 {
            match by {
                By::Column(column) => f.write_str(column.name())?,
                By::Related { column, field, .. } => write!(f, "{}.{}", column.name(), field.name)?,
                By::Relevance => f.write_str(RELEVANCE)?,
            }
            f.write_str(if direction.descending { " descending" } else { " ascending" })?;
            f.write_str(if direction.nulls_first { " nulls first\n" } else { " nulls last\n" })?;
        }
        Ok(())
    }
}

impl Direction {
    /// With Postgres's place for nulls: last when ascending, first when descending.
    fn plain(descending: bool) -> Self {
        Self { descending, nulls_first: descending }
    }

    fn parse(name: &str, value: &Json) -> Result<Self, SortError> {
        let Json::Object(object) = value else { return Ok(Self::plain(descending(name, value)?)) };
        let direction = object.get("direction").filter(|direction| !direction.is_null());
        let plain = Self::plain(direction.map_or(Ok(false), |direction| descending(name, direction))?);
        Ok(match object.get("nulls").and_then(Json::as_str).map(str::to_ascii_lowercase).as_deref() {
            Some("first") => Self { nulls_first: true, ..plain },
            Some("last") => Self { nulls_first: false, ..plain },
            _ => plain,
        })
    }
}

/// `"DESC"`, `"desc"` and -1 are descending, whatever else is ascending.
fn descending(name: &str, direction: &Json) -> Result<bool, SortError> {
    match direction {
        Json::Null => Err(SortError::NoDirection(name.to_owned())),
        Json::String(text) => Ok(text == "DESC" || text == "desc"),
        Json::Number(number) => Ok(number.as_f64() == Some(-1.0)),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests;
