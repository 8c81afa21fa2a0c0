//! `sort`: in which order.

use schemas::model::Column;
use schemas::query::{SortBy, SortKey};
use serde_json::Value as Json;

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
    #[error("sort.{0}: expected an object with a field of the related row")]
    WholeRelation(&'static str),
    #[error("sort.{0}: sorting by a field of a related row is not supported yet")]
    RelatedField(&'static str),
    #[error("sort._relevance: expected a FullText condition in the query")]
    NothingToRank,
}

/// The order asked for, the newest first by default. `ranked`: the query has a full-text condition.
pub(crate) fn parse(sort: Option<&Json>, ranked: bool) -> Result<Vec<SortKey>, SortError> {
    let members = match sort {
        Some(Json::Object(members)) if !members.is_empty() => members,
        Some(Json::Array(elements)) if !elements.is_empty() => return Err(SortError::NotAnObject),
        Some(Json::String(text)) if !text.is_empty() => return Err(SortError::NotAnObject),
        _ => return Ok(SortKey::newest_first()),
    };
    let mut keys = Vec::new();
    for (name, direction) in members {
        if name == RELEVANCE {
            if !ranked {
                return Err(SortError::NothingToRank);
            }
            let descending = descending(name, direction)?;
            keys.push(SortKey { by: SortBy::Relevance, descending, nulls_first: descending });
            continue;
        }
        let column = Column::of_name(name).ok_or_else(|| SortError::UnknownColumn(name.clone()))?;
        if column.relation().is_some() {
            let name = column.name();
            return Err(if direction.is_object() {
                SortError::RelatedField(name)
            } else {
                SortError::WholeRelation(name)
            });
        }
        let key = column_key(column, direction)?;
        // These are null in every call, so they order nothing.
        if !matches!(column, Column::DeletedAt | Column::DeletedByUserId) {
            keys.push(key);
        }
    }
    Ok(keys)
}

fn column_key(column: Column, direction: &Json) -> Result<SortKey, SortError> {
    let Json::Object(object) = direction else {
        return Ok(SortKey::of_column(column, descending(column.name(), direction)?));
    };
    let direction = object.get("direction").filter(|direction| !direction.is_null());
    let mut key =
        SortKey::of_column(column, direction.map_or(Ok(false), |direction| descending(column.name(), direction))?);
    match object.get("nulls").and_then(Json::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("first") => key.nulls_first = true,
        Some("last") => key.nulls_first = false,
        _ => {}
    }
    Ok(key)
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
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_sort_means_newest_first() {
        for sort in [None, Some(json!(null)), Some(json!({})), Some(json!([])), Some(json!(5)), Some(json!(""))] {
            assert_eq!(parse(sort.as_ref(), false), Ok(SortKey::newest_first()), "{sort:?}");
        }
    }

    #[test]
    fn directions_are_read_as_the_reference_server_reads_them() {
        for direction in [json!("DESC"), json!("desc"), json!(-1), json!(-1.0), json!({"direction": -1})] {
            let sort = json!({ "status": direction });
            assert_eq!(parse(Some(&sort), false), Ok(vec![SortKey::of_column(Column::Status, true)]), "{sort}");
        }
        for direction in
            [json!(1), json!("ASC"), json!("-1"), json!("Desc"), json!(0), json!(true), json!([]), json!({})]
        {
            let sort = json!({ "status": direction });
            assert_eq!(parse(Some(&sort), false), Ok(vec![SortKey::of_column(Column::Status, false)]), "{sort}");
        }
    }

    #[test]
    fn nulls_go_where_they_are_told() {
        let sort = json!({"durationMs": {"direction": "ASC", "nulls": "FIRST"}, "feature": {"direction": "DESC", "nulls": "last"}});
        let keys = parse(Some(&sort), false).expect("valid");
        assert_eq!(
            keys.iter().map(|key| (key.descending, key.nulls_first)).collect::<Vec<_>>(),
            [(false, true), (true, false)]
        );
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for (sort, error) in [
            (json!({"id": 1}), SortError::UnknownColumn("id".to_owned())),
            (json!("createdAt"), SortError::NotAnObject),
            (json!(["createdAt"]), SortError::NotAnObject),
            (json!({"createdAt": null}), SortError::NoDirection("createdAt".to_owned())),
            (json!({"llmProvider": 1}), SortError::WholeRelation("llmProvider")),
            (json!({"llmProvider": {"name": 1}}), SortError::RelatedField("llmProvider")),
            (json!({"_relevance": -1}), SortError::NothingToRank),
        ] {
            assert_eq!(parse(Some(&sort), false), Err(error), "{sort}");
        }
        assert!(parse(Some(&json!({"_relevance": -1})), true).is_ok());
    }
}
