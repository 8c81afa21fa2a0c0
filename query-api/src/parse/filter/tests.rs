use schemas::id::ProjectId;
use schemas::query::Filter;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn lowered(query: &Json) -> Result<Filter, FilterError> {
    lower(Some(query), &ReferenceData::default(), ReadScope::Project(ProjectId(Uuid::from_u128(1))))
}

#[test]
fn the_project_of_a_scope_can_not_be_asked_about() {
    assert_eq!(lowered(&json!({"projectId": "anything"})), Ok(Filter::everything()));
    let everywhere =
        lower(Some(&json!({"projectId": Uuid::from_u128(2)})), &ReferenceData::default(), ReadScope::EveryProject);
    let asked = Filter::Equal(Column::ProjectId, Value::Id(Uuid::from_u128(2)));
    assert_eq!(everywhere, Ok(Filter::All(vec![asked])));
}

#[test]
fn members_that_an_operator_does_not_know_are_passed_over() {
    let filter = lowered(&json!({"status": {"_type": "IsNull", "value": 1, "fields": [null]}}));
    assert_eq!(filter, Ok(Filter::All(vec![Filter::Null(Column::Status)])));
}

#[test]
fn lists_are_bounded() {
    let too_many: Vec<usize> = (0..=IN_VALUES).collect();
    assert_eq!(lowered(&json!({ "totalTokens": too_many })), Err(FilterError::TooManyValues("totalTokens")));
}

#[test]
fn a_related_row_that_does_not_exist_is_in_no_list() {
    let filter = lowered(&json!({"user": {"name": "x"}}));
    assert_eq!(filter, Ok(Filter::All(vec![Filter::OneOf(Column::UserId, vec![])])));
}

#[test]
fn only_full_text_ranks() {
    let ranked = |query: Json| lowered(&query).as_ref().is_ok_and(has_full_text);
    assert!(ranked(json!({"x": {"_type": "FullText", "value": "a"}, "status": "b"})));
    assert!(!ranked(json!({"status": {"_type": "NotEqual", "value": "b"}})));
}

#[test]
fn searches_are_refused_until_readers_can_answer_them() {
    for operator in ["Search", "StartsWith", "EndsWith", "NotContains"] {
        let error = lowered(&json!({"status": {"_type": operator, "value": "x"}})).expect_err("refused");
        assert_eq!(error.to_string(), format!("status: {operator} is not supported yet"));
    }
}
