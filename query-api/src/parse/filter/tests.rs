use schemas::id::ProjectId;
use schemas::like::{LikePattern, Place};
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
    let refused = |query: Json| lowered(&query).expect_err("refused").to_string();
    assert_eq!(refused(json!({ "totalTokens": too_many })), "totalTokens: expected at most 10000 values");
    let of_related = json!({ "incident": { "incidentNumber": too_many } });
    assert_eq!(refused(of_related), "incident.incidentNumber: expected at most 10000 values");
}

#[test]
fn conditions_are_bounded() {
    let search = json!({"_type": "MultiSearch", "value": "!", "fields": ["requestPrompt"]});
    let query = |count: usize| -> Json { (0..count).map(|at| (format!("k{at}"), search.clone())).collect() };
    assert!(lowered(&query(QUERY_CONDITIONS)).is_ok());
    let too_many = query(QUERY_CONDITIONS + 1);
    let refused = check_columns(Some(&too_many)).expect_err("refused");
    assert_eq!(refused.to_string(), "query: expected at most 100 conditions, got 101");
    assert_eq!(lowered(&too_many), Err(refused));
}

#[test]
fn a_text_in_place_of_a_list_is_its_characters_and_bounded_like_them() {
    let includes = |text: String| lowered(&json!({"status": {"_type": "Includes", "value": text}}));
    let of_characters = Filter::OneOf(Column::Status, vec![Value::text("a"), Value::text("é")]);
    assert_eq!(includes("aé".to_owned()), Ok(Filter::All(vec![of_characters])));
    assert!(includes("é".repeat(IN_VALUES)).is_ok());
    let refused = includes("é".repeat(IN_VALUES + 1)).expect_err("refused").to_string();
    assert_eq!(refused, "status: expected at most 10000 values");
}

#[test]
fn a_column_that_is_named_again_is_searched_once() {
    let columns = |operator: &str, fields: Json| {
        let filter = lowered(&json!({"any": {"_type": operator, "value": "x", "fields": fields}}));
        match filter.expect("a filter") {
            Filter::All(filters) => match filters.into_iter().next() {
                Some(Filter::Like(columns, _) | Filter::FullText(columns, _)) => columns,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    let fields = json!(["status", "user", "status", "userId", "feature", "user"]);
    assert_eq!(columns("MultiSearch", fields), [Column::Status, Column::UserId, Column::Feature]);
    let fields = json!(["statusMessage", "requestPrompt", "statusMessage"]);
    assert_eq!(columns("FullText", fields), [Column::StatusMessage, Column::RequestPrompt]);
}

#[test]
fn full_text_queries_are_bounded_together() {
    let half = "a".repeat(TEXT_QUERY_BYTES / 2);
    let query = |texts: &[&str]| -> Json {
        let search = |text: &&str| json!({"_type": "FullText", "value": text});
        texts.iter().enumerate().map(|(at, text)| (format!("k{at}"), search(text))).collect()
    };
    assert!(lowered(&query(&[&half, &half])).is_ok());
    let refused = lowered(&query(&[&half, &half, "a"])).expect_err("refused").to_string();
    let expected = "k2: expected full-text queries of at most 4096 bytes, all of the request together";
    assert_eq!(refused, expected);
}

#[test]
fn a_refusal_repeats_no_more_than_the_start_of_what_the_client_sent() {
    let long = "x".repeat(5000);
    let text = |operator: &str, value: Json| json!({"_type": operator, "value": value, "fields": ["requestPrompt"]});
    for query in [
        json!({ &long: 1 }),
        json!({ &long: {"_type": "MultiSearch", "fields": 1} }),
        json!({ &long: text("MultiSearch", json!(1)) }),
        json!({ &long: text("MultiSearch", json!("\0")) }),
        json!({ &long: text("FullText", json!(1)) }),
        json!({ &long: text("FullText", json!("(")) }),
        json!({ &long: {"_type": "FullText", "value": "a", "fields": ["status"]} }),
        json!({ "x": {"_type": "MultiSearch", "value": "a", "fields": [&long]} }),
        json!({ "x": text("FullText", json!("!".repeat(4000))) }),
        json!({ "totalTokens": &long }),
        json!({ "user": { &long: 1 } }),
    ] {
        let refused = check_columns(Some(&query)).and_then(|()| lowered(&query)).expect_err("refused").to_string();
        assert!(refused.len() < 400, "{refused}");
    }
    for value in [json!({"_type": "DateTime", "value": &long}), json!({"_type": "Email", "value": &long})] {
        let query = json!({ "status": value });
        let refused = crate::parse::check_typed_values(Some(&query)).expect_err("refused").to_string();
        assert!(refused.len() < 400, "{refused}");
    }
}

#[test]
fn full_text_searches_the_columns_that_it_names_whatever_the_key() {
    let searched = |key: &str, fields: Json| {
        let filter = lowered(&json!({ key: {"_type": "FullText", "value": "a", "fields": fields} }));
        match filter.expect("a filter") {
            Filter::All(filters) => match filters.as_slice() {
                [Filter::FullText(columns, _)] => columns.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    for key in ["statusMessage", "status", "_text"] {
        assert_eq!(searched(key, json!(["requestPrompt"])), [Column::RequestPrompt], "{key}");
    }
    assert_eq!(searched("statusMessage", json!(null)), [Column::StatusMessage]);
    assert_eq!(searched("_text", json!(null)), FULL_TEXT_COLUMNS);
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
fn searches_are_patterns_of_what_is_compared() {
    let like = |column, text, place| Filter::Like(vec![column], LikePattern::new(text, place).expect("a pattern"));
    for (query, expected) in [
        (json!({"status": {"_type": "Search", "value": " RoR "}}), like(Column::Status, "ror", Place::Anywhere)),
        (json!({"totalTokens": {"_type": "StartsWith", "value": "1"}}), like(Column::TotalTokens, "1", Place::Start)),
        (json!({"incident": {"_type": "EndsWith", "value": "a%"}}), like(Column::IncidentId, "a%", Place::End)),
        (json!({"feature": {"_type": "Search"}}), like(Column::Feature, "", Place::Anywhere)),
        (
            json!({"feature": {"_type": "NotContains", "value": "x"}}),
            Filter::Not(Box::new(like(Column::Feature, "x", Place::Anywhere))),
        ),
        (
            json!({"any": {"_type": "MultiSearch", "value": "x", "fields": ["status", "deletedAt", "user"]}}),
            Filter::Like(
                vec![Column::Status, Column::UserId],
                LikePattern::new("x", Place::Anywhere).expect("a pattern"),
            ),
        ),
        (json!({"any": {"_type": "MultiSearch", "value": " ", "fields": ["status"]}}), Filter::everything()),
        (json!({"any": {"_type": "MultiSearch", "value": "x", "fields": []}}), Filter::everything()),
    ] {
        assert_eq!(lowered(&query), Ok(Filter::All(vec![expected])), "{query}");
    }
    for (value, error) in [
        (json!(5), "status: expected \"value\" to be a string"),
        (json!("a\u{0}b"), "status: expected a text without the character NUL to search for"),
    ] {
        let refused = lowered(&json!({"status": {"_type": "Search", "value": value}})).expect_err("refused");
        assert_eq!(refused.to_string(), error);
    }
}
