//! Typed values such as `{"_type":"DateTime","value":"…"}`, which are checked before anybody's permissions are.

use serde_json::{Map, Value as Json};

use super::filter::FilterError;
use super::shown::shown;
use super::{cast, js};

/// Checks the typed values of a query, a selection or an order. The operands of operators are not values of their
/// own: only the elements of `Includes…` are looked at.
pub(crate) fn check_typed_values(part: Option<&Json>) -> Result<(), FilterError> {
    match part {
        Some(Json::Object(members)) => members.values().try_for_each(check),
        Some(Json::Array(elements)) => elements.iter().try_for_each(check),
        _ => Ok(()),
    }
}

fn check(value: &Json) -> Result<(), FilterError> {
    match value {
        Json::Array(elements) => elements.iter().try_for_each(check),
        Json::Object(members) => match members.get("_type").and_then(Json::as_str) {
            None => members.values().try_for_each(check),
            Some("DateTime") => check_date(members),
            Some("Email") => check_email(members),
            Some(operator) if operator.starts_with("Includes") => match members.get("value") {
                Some(Json::Array(elements)) => elements.iter().try_for_each(check),
                _ => Ok(()),
            },
            Some(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

fn check_date(members: &Map<String, Json>) -> Result<(), FilterError> {
    match members.get("value") {
        Some(Json::String(text)) if cast::date(text).is_some() => Ok(()),
        None | Some(Json::Null) => Err(FilterError::InvalidDate("undefined".to_owned())),
        Some(other) => Err(FilterError::InvalidDate(shown(&js::string_of(other)))),
    }
}

fn check_email(members: &Map<String, Json>) -> Result<(), FilterError> {
    let text = members.get("value").map_or_else(|| "undefined".to_owned(), js::string_of);
    let valid = text.trim().split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && !host.contains('@')
            && host.split('.').count() > 1
            && host.split('.').all(|part| !part.is_empty())
    }) && !text.trim().contains(char::is_whitespace);
    if valid { Ok(()) } else { Err(FilterError::InvalidEmail(shown(&text))) }
}
