//! Filters inside a relation, such as `{"llmProvider":{"name":"x"}}`: resolved here, from the reference data of
//! the call's own project, to the ids of the related rows.

use schemas::access::ReadScope;
use schemas::model::{Column, Relation};
use schemas::query::Filter;
use schemas::reference::{ReferenceData, RelatedRow};
use schemas::value::Value;
use serde_json::{Map, Value as Json};

use super::super::cast;
use super::super::like::{self, Place};
use super::super::relation::{self, Field, RelationError};
use super::{FilterError, type_of, unwrapped};

pub(super) fn lower(
    column: Column,
    relation: Relation,
    members: &Map<String, Json>,
    reference: &ReferenceData,
    scope: ReadScope,
) -> Result<Filter, FilterError> {
    let mut conditions = Vec::new();
    for (name, value) in members {
        let in_relation = |source| FilterError::Relation { column: column.name(), source };
        let field = relation::field(relation, name).map_err(in_relation)?;
        let ignored = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        if !ignored {
            conditions.push((field.name, test(column, field, value)?));
        }
    }
    if conditions.is_empty() {
        return Ok(Filter::everything());
    }
    let ReadScope::Project(project) = scope else { return Err(FilterError::NeedsTenant(column.name())) };
    let holds = |row: &RelatedRow<'_>| conditions.iter().all(|(field, test)| test.holds(&row.get(field)));
    let rows = reference.related_rows(relation, project);
    let ids = |wanted: bool| rows.filter(|row| holds(row) == wanted).map(|row| Value::Id(row.id)).collect();
    let id_column = relation.id_column();
    Ok(if conditions.iter().all(|(_, test)| test.holds(&Value::Null)) {
        Filter::Not(Box::new(Filter::OneOf(id_column, ids(false))))
    } else {
        Filter::OneOf(id_column, ids(true))
    })
}

/// A condition on a field. Without a related row every field is null.
#[derive(Debug)]
enum Test {
    OneOf(Vec<Value>),
    Like {
        pattern: String,
        place: Place,
    },
    /// Holds on null too.
    NotLike {
        pattern: String,
    },
    Never,
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        let like = |pattern: &str, place| !value.is_null() && like::matches(&text(value), pattern, place);
        match self {
            Self::OneOf(values) => values.contains(value),
            Self::Like { pattern, place } => like(pattern, *place),
            Self::NotLike { pattern } => !like(pattern, Place::Anywhere),
            Self::Never => false,
        }
    }
}

fn test(column: Column, field: Field, value: &Json) -> Result<Test, FilterError> {
    let cast = |value: &Json| {
        cast::to_type(field.name, field.column_type, value)
            .map_err(|source| FilterError::InRelation { column: column.name(), source })
    };
    let pattern = || {
        let pattern = value.get("value").unwrap_or(&Json::Null);
        match pattern {
            Json::Null => Ok(String::new()),
            Json::String(text) => Ok(text.trim().to_owned()),
            _ => Err(FilterError::TextOperand(format!("{}.{}", column.name(), field.name))),
        }
    };
    Ok(match (value, type_of(value)) {
        (Json::Array(elements), _) => {
            Test::OneOf(elements.iter().map(|element| cast(unwrapped(element))).collect::<Result<_, _>>()?)
        }
        (_, Some("Search")) => Test::Like { pattern: pattern()?, place: Place::Anywhere },
        (_, Some("StartsWith")) => Test::Like { pattern: pattern()?, place: Place::Start },
        (_, Some("EndsWith")) => Test::Like { pattern: pattern()?, place: Place::End },
        (_, Some("NotContains")) => Test::NotLike { pattern: pattern()? },
        (_, Some("ObjectID" | "DateTime" | "Name" | "Email")) => Test::OneOf(vec![cast(unwrapped(value))?]),
        (_, Some(_)) => Test::Never,
        (Json::Object(_), None) => {
            return Err(FilterError::Relation { column: column.name(), source: RelationError::TooDeep });
        }
        _ => Test::OneOf(vec![cast(value)?]),
    })
}

/// A value as a text, as a search sees it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Cents(amount) => amount.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Id(id) => id.as_hyphenated().to_string(),
        Value::Text(text) => text.to_string(),
    }
}
