//! `query`: which calls to answer with. Names of columns are checked first, values when everything else is right.

mod nested;
mod operator;

use axum::http::StatusCode;
use schemas::access::ReadScope;
use schemas::like::{LikePattern, NotAPattern, Place};
use schemas::limits::{IN_VALUES, QUERY_CONDITIONS, TEXT_QUERY_BYTES};
use schemas::model::{Column, ColumnType};
use schemas::query::Filter;
use schemas::reference::ReferenceData;
use schemas::value::Value;
use serde_json::{Map, Value as Json};

use super::cast::{self, NotCastable};
use super::full_text::{self, TextQueryError};
use super::js;
use super::relation::RelationError;
use super::shown::shown;

/// The columns that full text is searched in.
pub(crate) const FULL_TEXT_COLUMNS: [Column; 3] =
    [Column::RequestPrompt, Column::ResponsePreview, Column::StatusMessage];

const FULL_TEXT: &str = "FullText";
const MULTI_SEARCH: &str = "MultiSearch";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilterError {
    #[error("query: expected at most {QUERY_CONDITIONS} conditions, got {0}")]
    TooManyConditions(usize),
    #[error("Invalid column on LLM Log - {0}. Column does not exist.")]
    UnknownColumn(String),
    #[error("You do not have permissions to query on - {0}. You need any one of these permissions: ")]
    Unreadable(&'static str),
    #[error("Invalid date: {0}")]
    InvalidDate(String),
    #[error("Email {0} is not in valid format.")]
    InvalidEmail(String),
    #[error(transparent)]
    Value(#[from] NotCastable),
    #[error("{column}: {operator} needs a value, got null or none")]
    NoOperand { column: &'static str, operator: &'static str },
    #[error("{0}: expected at most {IN_VALUES} values")]
    TooManyValues(String),
    #[error("{0}: null can't be one of several values; use IsNull")]
    NullInList(&'static str),
    #[error("{0}: expected an array of values")]
    NotAList(&'static str),
    #[error("{column}: {operator} does not work on a relation; use {id_column}")]
    NotOnRelation { column: &'static str, operator: String, id_column: &'static str },
    #[error("{key}: {source}")]
    Pattern { key: String, source: NotAPattern },
    #[error("{column}.{source}")]
    InRelation { column: &'static str, source: NotCastable },
    #[error("{column}: {source}")]
    Relation { column: &'static str, source: RelationError },
    #[error("{key}: {source}")]
    FullText { key: String, source: TextQueryError },
    #[error("{0}: expected full-text queries of at most {TEXT_QUERY_BYTES} bytes, all of the request together")]
    TooMuchText(String),
    #[error("{0}: FullText searches requestPrompt, responsePreview and statusMessage")]
    NotFullText(String),
    #[error("{0}: expected \"fields\" to be an array of column names")]
    Fields(String),
    #[error("{0}: expected \"value\" to be a string")]
    TextOperand(String),
}

impl FilterError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable(_) | Self::Relation { source: RelationError::NoPermission { .. }, .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Checks that every key is a column that may be asked about.
pub(crate) fn check_columns(query: Option<&Json>) -> Result<(), FilterError> {
    for (name, value) in members(query)?.into_iter().flatten() {
        match searched_fields(name, value)? {
            Some(fields) => fields.iter().try_for_each(|field| readable(field).map(drop))?,
            None => drop(readable(name)?),
        }
    }
    Ok(())
}

/// The members of a query; none when it is none. An array has its indices for keys, and they are no columns.
fn members(query: Option<&Json>) -> Result<Option<&Map<String, Json>>, FilterError> {
    match query {
        Some(Json::Object(members)) if members.len() > QUERY_CONDITIONS => {
            Err(FilterError::TooManyConditions(members.len()))
        }
        Some(Json::Object(members)) => Ok(Some(members)),
        Some(Json::Array(elements)) if !elements.is_empty() => Err(FilterError::UnknownColumn("0".to_owned())),
        Some(Json::String(text)) if !text.is_empty() => Err(FilterError::UnknownColumn("0".to_owned())),
        _ => Ok(None),
    }
}

fn readable(name: &str) -> Result<Column, FilterError> {
    let column = Column::of_name(name).ok_or_else(|| FilterError::UnknownColumn(shown(name)))?;
    if column.is_readable() { Ok(column) } else { Err(FilterError::Unreadable(column.name())) }
}

fn type_of(value: &Json) -> Option<&str> {
    value.get("_type")?.as_str()
}

/// The columns that a search under this key names itself; `None` when the key is the column.
fn searched_fields<'q>(key: &str, value: &'q Json) -> Result<Option<Vec<&'q str>>, FilterError> {
    let operator = type_of(value);
    // To every other operator this is a member like any.
    let fields = value.get("fields").filter(|_| matches!(operator, Some(FULL_TEXT | MULTI_SEARCH)));
    let fields = match fields {
        None | Some(Json::Null) => None,
        Some(Json::Array(fields)) => {
            let names: Option<Vec<&str>> = fields.iter().map(Json::as_str).collect();
            Some(names.ok_or_else(|| FilterError::Fields(shown(key)))?)
        }
        Some(_) => return Err(FilterError::Fields(shown(key))),
    };
    Ok(match operator {
        Some(MULTI_SEARCH) => Some(fields.unwrap_or_default()),
        Some(FULL_TEXT) if fields.is_some() || Column::of_name(key).is_none() => {
            Some(fields.unwrap_or_else(|| FULL_TEXT_COLUMNS.map(Column::name).to_vec()))
        }
        _ => None,
    })
}

/// The filter that a query means, for calls of this scope. The project of a scope is not in it: readers see to
/// that, whatever a query says of `projectId`.
pub(crate) fn lower(query: Option<&Json>, reference: &ReferenceData, scope: ReadScope) -> Result<Filter, FilterError> {
    let mut conditions = Vec::new();
    let mut text_bytes = 0;
    for (key, value) in members(query)?.into_iter().flatten() {
        match (type_of(value), searched_fields(key, value)?) {
            (Some(FULL_TEXT), fields) => {
                let fields = fields.unwrap_or_else(|| vec![key]);
                conditions.push(full_text(key, &fields, value, &mut text_bytes)?);
                continue;
            }
            (Some(MULTI_SEARCH), fields) => {
                conditions.push(multi_search(key, &fields.unwrap_or_default(), value)?);
                continue;
            }
            _ => {}
        }
        let column = readable(key)?;
        if column == Column::ProjectId && scope != ReadScope::EveryProject {
            continue;
        }
        let condition = condition(column, value, reference, scope)?;
        conditions.push(if column == Column::DeletedAt { of_null(&condition) } else { condition });
    }
    Ok(Filter::All(conditions))
}

/// Whether anything in it ranks calls by relevance.
pub(crate) fn has_full_text(filter: &Filter) -> bool {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().any(has_full_text),
        Filter::Not(filter) => has_full_text(filter),
        Filter::FullText(..) => true,
        Filter::Null(_) | Filter::Equal(..) | Filter::OneOf(..) | Filter::Range(..) | Filter::Like(..) => false,
    }
}

/// The filter of a column that is null in every call.
fn of_null(filter: &Filter) -> Filter {
    match filter {
        Filter::All(filters) => Filter::All(filters.iter().map(of_null).collect()),
        Filter::Any(filters) => Filter::Any(filters.iter().map(of_null).collect()),
        Filter::Not(filter) => Filter::Not(Box::new(of_null(filter))),
        Filter::Null(_) => Filter::everything(),
        Filter::Equal(..) | Filter::OneOf(..) | Filter::Range(..) | Filter::FullText(..) | Filter::Like(..) => {
            Filter::nothing()
        }
    }
}

/// `text_bytes`: of the full-text queries so far.
fn full_text(key: &str, fields: &[&str], value: &Json, text_bytes: &mut usize) -> Result<Filter, FilterError> {
    let columns = each_once(fields, Some)?;
    if columns.is_empty() || columns.iter().any(|column| !FULL_TEXT_COLUMNS.contains(column)) {
        return Err(FilterError::NotFullText(shown(key)));
    }
    let text = value.get("value").and_then(Json::as_str).ok_or_else(|| FilterError::TextOperand(shown(key)))?;
    let query = full_text::parse(text).map_err(|source| FilterError::FullText { key: shown(key), source })?;
    *text_bytes += text.len();
    if *text_bytes > TEXT_QUERY_BYTES {
        return Err(FilterError::TooMuchText(shown(key)));
    }
    Ok(Filter::FullText(columns, query))
}

/// Without a text or a field there is nothing to search for, which is no condition.
fn multi_search(key: &str, fields: &[&str], value: &Json) -> Result<Filter, FilterError> {
    // Null in every call, this one is never found.
    let searched = |column| (column != Column::DeletedAt).then(|| Target::of(column).column);
    let columns = each_once(fields, searched)?;
    let pattern = pattern(key, value.get("value"), Place::Anywhere)?;
    if fields.is_empty() || pattern.is_everything() {
        return Ok(Filter::everything());
    }
    Ok(Filter::Like(columns, pattern))
}

/// What is searched for columns of these names, each once and in order.
fn each_once(names: &[&str], searched: impl Fn(Column) -> Option<Column>) -> Result<Vec<Column>, FilterError> {
    let mut columns = Vec::new();
    for name in names {
        let column = searched(readable(name)?);
        columns.extend(column.filter(|column| !columns.contains(column)));
    }
    Ok(columns)
}

/// What a search under this key looks for: everything when it has no operand.
fn pattern(key: &str, operand: Option<&Json>, place: Place) -> Result<LikePattern, FilterError> {
    let text = match operand {
        None | Some(Json::Null) => "",
        Some(Json::String(text)) => text,
        Some(_) => return Err(FilterError::TextOperand(shown(key))),
    };
    LikePattern::new(text, place).map_err(|source| FilterError::Pattern { key: shown(key), source })
}

fn condition(column: Column, value: &Json, reference: &ReferenceData, scope: ReadScope) -> Result<Filter, FilterError> {
    let target = Target::of(column);
    match value {
        Json::Null => Ok(Filter::Null(target.column)),
        Json::Array(elements) => target.one_of(elements),
        Json::Object(members) => match (members.get("_type"), column.relation()) {
            (Some(Json::String(operator)), _) => operator::lower(target, operator, members),
            (None, Some(relation)) => nested::lower(column, relation, members, reference, scope),
            _ => target.object(value),
        },
        scalar => target.equal(scalar),
    }
}

/// A column as the client names it and the one that is compared: of a relation, that of its id.
#[derive(Debug, Clone, Copy)]
struct Target {
    named: Column,
    column: Column,
}

impl Target {
    fn of(named: Column) -> Self {
        Self { named, column: named.relation().map_or(named, schemas::model::Relation::id_column) }
    }

    fn name(self) -> &'static str {
        self.named.name()
    }

    fn cast(self, value: &Json) -> Result<Value, FilterError> {
        Ok(cast::to_column(self.named, value)?)
    }

    /// An array or an object as the text that JavaScript makes of it, where that may be a value.
    fn cast_text(self, value: &Json) -> Result<Value, FilterError> {
        if value.is_array() || (value.is_object() && self.is_text()) {
            self.cast(&Json::String(js::string_of(value)))
        } else {
            self.cast(value)
        }
    }

    fn equal(self, value: &Json) -> Result<Filter, FilterError> {
        Ok(Filter::Equal(self.column, self.cast(value)?))
    }

    /// An object that is no operator is compared as a text that no call has.
    fn object(self, value: &Json) -> Result<Filter, FilterError> {
        if self.is_text() {
            Ok(Filter::nothing())
        } else {
            Err(self.cast(value).err().unwrap_or(FilterError::NotAList(self.name())))
        }
    }

    fn one_of(self, elements: &[Json]) -> Result<Filter, FilterError> {
        if elements.len() > IN_VALUES {
            return Err(FilterError::TooManyValues(self.name().to_owned()));
        }
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let element = unwrapped(element);
            if element.is_null() {
                return Err(FilterError::NullInList(self.name()));
            }
            values.push(self.cast_text(element)?);
        }
        Ok(Filter::OneOf(self.column, values))
    }

    fn is_text(self) -> bool {
        matches!(self.named.column_type(), ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText)
    }
}

/// The value in `{"_type":"ObjectID","value":…}` and the like; other values as they are.
fn unwrapped(value: &Json) -> &Json {
    match type_of(value) {
        Some("ObjectID" | "DateTime" | "Name" | "Email") => value.get("value").unwrap_or(&Json::Null),
        _ => value,
    }
}

#[cfg(test)]
mod tests;
