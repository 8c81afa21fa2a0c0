//! Operators: objects with a `_type`.

use schemas::like::Place;
use schemas::limits::IN_VALUES;
use schemas::query::{Bound, Bounds, Filter};
use schemas::value::Value;
use serde_json::{Map, Value as Json};

use super::{FilterError, Target, pattern};

pub(super) fn lower(target: Target, operator: &str, members: &Map<String, Json>) -> Result<Filter, FilterError> {
    let column = target.column;
    let value = members.get("value").filter(|value| !value.is_null());
    let operand = |name: &'static str| operand(target, name, value);
    let or_null = |filter: Filter| Filter::Any(vec![filter, Filter::Null(column)]);
    let not_null = || Filter::Not(Box::new(Filter::Null(column)));
    let above = |value: Value, inclusive: bool| {
        Filter::Range(column, Bounds { lower: Some(Bound { value, inclusive }), upper: None })
    };
    let below = |value: Value, inclusive: bool| {
        Filter::Range(column, Bounds { lower: None, upper: Some(Bound { value, inclusive }) })
    };
    Ok(match operator {
        "ObjectID" | "DateTime" | "Name" | "Email" => Filter::Equal(column, operand("a typed value")?),
        "EqualTo" => Filter::Equal(column, operand("EqualTo")?),
        "NotEqual" => {
            let equal = Filter::Equal(column, operand("NotEqual")?);
            Filter::All(vec![Filter::Not(Box::new(equal)), not_null()])
        }
        "EqualToOrNull" => or_null(Filter::Equal(column, operand("EqualToOrNull")?)),
        "IsNull" => Filter::Null(column),
        "NotNull" => not_null(),
        "GreaterThan" => above(operand("GreaterThan")?, false),
        "GreaterThanOrEqual" => above(operand("GreaterThanOrEqual")?, true),
        "LessThan" => below(operand("LessThan")?, false),
        "LessThanOrEqual" => below(operand("LessThanOrEqual")?, true),
        "GreaterThanOrNull" => or_null(above(operand("GreaterThanOrNull")?, false)),
        "LessThanOrNull" => or_null(below(operand("LessThanOrNull")?, false)),
        "InBetween" => in_between(target, members)?,
        "Includes" | "IncludesAll" => {
            if target.named.relation().is_some() {
                return Err(FilterError::NotOnRelation {
                    column: target.name(),
                    operator: operator.to_owned(),
                    id_column: column.name(),
                });
            }
            one_of(target, value)?
        }
        "IncludesNone" => match value {
            None => Filter::everything(),
            Some(Json::Array(elements)) if elements.is_empty() => Filter::everything(),
            some => Filter::All(vec![Filter::Not(Box::new(one_of(target, some)?)), not_null()]),
        },
        "Search" => like(target, value, Place::Anywhere)?,
        "StartsWith" => like(target, value, Place::Start)?,
        "EndsWith" => like(target, value, Place::End)?,
        "NotContains" => Filter::Not(Box::new(like(target, value, Place::Anywhere)?)),
        _ => return target.object(&Json::Object(members.clone())),
    })
}

/// The operand as a text cast to the column, as the reference server binds it.
fn operand(target: Target, operator: &'static str, value: Option<&Json>) -> Result<Value, FilterError> {
    target.cast_text(value.ok_or(FilterError::NoOperand { column: target.name(), operator })?)
}

/// Both ends belong to it; without one of them nothing does.
fn in_between(target: Target, members: &Map<String, Json>) -> Result<Filter, FilterError> {
    let bound = |name: &str| {
        let value = members.get(name).filter(|value| !value.is_null());
        value.map(|value| operand(target, "InBetween", Some(value))).transpose()
    };
    let (Some(lower), Some(upper)) = (bound("startValue")?, bound("endValue")?) else { return Ok(Filter::nothing()) };
    let inclusive = |value| Some(Bound { value, inclusive: true });
    Ok(Filter::Range(target.column, Bounds { lower: inclusive(lower), upper: inclusive(upper) }))
}

/// A string is taken as its characters, as the reference server does.
fn one_of(target: Target, value: Option<&Json>) -> Result<Filter, FilterError> {
    match value {
        None => Ok(Filter::nothing()),
        Some(Json::Array(elements)) => target.one_of(elements),
        Some(Json::String(text)) => {
            // One more than there may be is refused like all of them.
            let characters = text.chars().take(IN_VALUES + 1).map(|character| Json::String(character.into()));
            target.one_of(&characters.collect::<Vec<_>>())
        }
        Some(_) => Err(FilterError::NotAList(target.name())),
    }
}

/// Without an operand every text is found.
fn like(target: Target, value: Option<&Json>, place: Place) -> Result<Filter, FilterError> {
    Ok(Filter::Like(vec![target.column], pattern(target.name(), value, place)?))
}
