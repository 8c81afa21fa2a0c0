//! Filters inside a relation, such as `{"llmProvider":{"name":"x"}}`: resolved here, from the reference data that
//! calls see, to the ids of the related rows.

use std::collections::{BTreeMap, HashSet};

use schemas::access::ReadScope;
use schemas::like::{LikeMatcher, Place};
use schemas::limits::IN_VALUES;
use schemas::model::{Column, Relation};
use schemas::query::Filter;
use schemas::reference::{ReferenceData, RelatedRow, Viewers};
use schemas::value::Value;
use serde_json::{Map, Value as Json};

use super::super::cast;
use super::super::relation::{self, Field, RelationError};
use super::{FilterError, pattern, type_of, unwrapped};

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
    // Where the conditions hold for calls without a related row, all match but those that point to other rows.
    let holds_without = conditions.iter_mut().all(|(_, test)| test.holds(&Value::Null));
    let mut holds = |row: &RelatedRow<'_>| conditions.iter_mut().all(|(field, test)| test.holds(&row.get(field)));
    let mut ids = BTreeMap::from([(Viewers::All, Vec::new())]);
    for (viewers, row) in reference.related_rows(relation, scope) {
        if holds(&row) != holds_without {
            ids.entry(viewers).or_default().push(Value::Id(row.id));
        }
    }
    let pointing = pointing(relation.id_column(), ids);
    Ok(if holds_without { Filter::Not(Box::new(pointing)) } else { pointing })
}

/// Calls that point to one of the rows that they see.
fn pointing(id_column: Column, ids: BTreeMap<Viewers, Vec<Value>>) -> Filter {
    let of_viewers = |(viewers, ids)| {
        let pointing = Filter::OneOf(id_column, ids);
        match viewers {
            Viewers::All => pointing,
            Viewers::Of(project) => Filter::All(vec![Filter::Equal(Column::ProjectId, Value::Id(project.0)), pointing]),
        }
    };
    let mut any: Vec<Filter> = ids.into_iter().map(of_viewers).collect();
    match any.pop() {
        Some(only) if any.is_empty() => only,
        last => {
            any.extend(last);
            Filter::Any(any)
        }
    }
}

/// A condition on a field. Without a related row every field is null.
#[derive(Debug)]
enum Test {
    OneOf(HashSet<Value>),
    Like(LikeMatcher),
    /// Holds on null too.
    NotLike(LikeMatcher),
    Never,
}

impl Test {
    fn holds(&mut self, value: &Value) -> bool {
        match self {
            Self::OneOf(values) => values.contains(value),
            Self::Like(matcher) => matcher.matches_value(value),
            Self::NotLike(matcher) => !matcher.matches_value(value),
            Self::Never => false,
        }
    }
}

fn test(column: Column, field: Field, value: &Json) -> Result<Test, FilterError> {
    let cast = |value: &Json| {
        cast::to_type(field.name, field.column_type, value)
            .map_err(|source| FilterError::InRelation { column: column.name(), source })
    };
    let key = || format!("{}.{}", column.name(), field.name);
    let like = |place| pattern(&key(), value.get("value"), place).map(|pattern| pattern.matcher());
    Ok(match (value, type_of(value)) {
        (Json::Array(elements), _) if elements.len() > IN_VALUES => return Err(FilterError::TooManyValues(key())),
        (Json::Array(elements), _) => {
            Test::OneOf(elements.iter().map(|element| cast(unwrapped(element))).collect::<Result<_, _>>()?)
        }
        (_, Some("Search")) => Test::Like(like(Place::Anywhere)?),
        (_, Some("StartsWith")) => Test::Like(like(Place::Start)?),
        (_, Some("EndsWith")) => Test::Like(like(Place::End)?),
        (_, Some("NotContains")) => Test::NotLike(like(Place::Anywhere)?),
        (_, Some("ObjectID" | "DateTime" | "Name" | "Email")) => Test::OneOf(HashSet::from([cast(unwrapped(value))?])),
        (_, Some(_)) => Test::Never,
        (Json::Object(_), None) => {
            return Err(FilterError::Relation { column: column.name(), source: RelationError::TooDeep });
        }
        _ => Test::OneOf(HashSet::from([cast(value)?])),
    })
}
