use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::parse::{select, sort};

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));

fn order(sort: &Json) -> Order {
    let selection = select::parse(Some(&json!({"llmProvider": true}))).expect("valid");
    sort::parse(Some(sort), true, &selection).expect("valid")
}

fn listed<'a>(query: &'a Json, order: &'a Order) -> Listed<'a> {
    Listed { compat: Compat::Docs, scope: ReadScope::Project(PROJECT), query: Some(query), order, skip: 0 }
}

fn place() -> SortPosition {
    let values = vec![SortValue::Value(Value::Number(5)), SortValue::Value(Value::text("b"))];
    SortPosition { values, id: Uuid::from_u128(7), project: PROJECT }
}

/// The page that a cursor asks for.
fn page(listed: Listed<'_>, cursor: impl Into<Json>) -> Result<Option<Walk>, CursorError> {
    Walk::of(Some(&cursor.into()), listed)
}

fn query() -> Json {
    json!({"status": "Error", "user": {"name": "x", "email": "y"}})
}

fn sort() -> Json {
    json!({"totalTokens": 1, "llmProvider": {"name": -1}})
}

/// Whether that cursor does for another list.
fn refused(listed: Listed<'_>) -> Result<bool, CursorError> {
    page(listed, cursor()).map(|walk| walk.is_some())
}

/// A cursor of the list that these tests are about.
fn cursor() -> String {
    let order = order(&sort());
    page(listed(&query(), &order), "").expect("valid").expect("a walk").cursor(&place())
}

/// When this fails because what a cursor holds has changed, `VERSION` has to go up.
#[test]
fn a_cursor_is_this_text() {
    insta::assert_snapshot!(cursor(), @"AQH8m1ugq55E0lP4ZucdxlOaABAAAAAAAAAAAAAAAAAAAAABEAAAAAAAAAAAAAAAAAAAAAcCAgoGAWJ_0fwV7VvNxQ");
}

#[test]
fn a_cursor_goes_on_where_it_was_given() {
    let query = json!({"user": {"email": "y", "name": "x"}, "status": "Error"});
    let order = order(&json!({"totalTokens": "ASC", "llmProvider": {"name": {"direction": "desc", "nulls": "first"}}}));
    let walk = page(listed(&query, &order), cursor()).expect("the same list, written in another way");
    assert_eq!(walk.expect("a walk").after, Some(place()));
    for none in [None, Some(&Json::Null)] {
        assert!(Walk::of(none, listed(&query, &order)).expect("valid").is_none());
    }
    assert_eq!(page(listed(&query, &order), "").expect("valid").expect("a walk").after, None);
}

#[test]
fn what_is_no_query_is_the_same_as_none() {
    let order = order(&json!({}));
    let none = List::of(Listed { query: None, ..listed(&Json::Null, &order) });
    for query in [json!(null), json!({}), json!([]), json!(5)] {
        assert_eq!(List::of(listed(&query, &order)), none, "{query}");
    }
    assert_ne!(List::of(listed(&json!({"status": "a"}), &order)), none);
}

#[test]
fn a_cursor_of_another_list_is_refused_with_the_difference() {
    let (query, order) = (query(), order(&sort()));
    let same = listed(&query, &order);
    assert_eq!(refused(Listed { compat: Compat::OneUptime, ..same }), Err(CursorError::Form));
    let other = ReadScope::Project(ProjectId(Uuid::from_u128(2)));
    for scope in [other, ReadScope::EveryProject] {
        assert_eq!(refused(Listed { scope, ..same }), Err(CursorError::Project));
    }
    let every = Listed { scope: ReadScope::EveryProject, ..same };
    let of_every = page(every, "").expect("valid").expect("a walk").cursor(&place());
    assert!(matches!(page(same, of_every.clone()), Err(CursorError::Project)));
    assert_eq!(page(every, of_every).expect("valid").expect("a walk").after, Some(place()));
    for query in
        [json!({}), json!({"status": "Error"}), json!({"status": "error", "user": {"name": "x", "email": "y"}})]
    {
        assert_eq!(refused(Listed { query: Some(&query), ..same }), Err(CursorError::Query), "{query}");
    }
    for sort in [
        json!({}),
        json!({"llmProvider": {"name": -1}, "totalTokens": 1}),
        json!({"totalTokens": -1, "llmProvider": {"name": -1}}),
        json!({"totalTokens": 1, "llmProvider": {"_id": -1}}),
        json!({"totalTokens": 1, "llmProvider": {"name": {"direction": -1, "nulls": "last"}}}),
    ] {
        let order = self::order(&sort);
        assert_eq!(refused(Listed { order: &order, ..same }), Err(CursorError::Sort), "{sort}");
    }
    let ranked = self::order(&json!({"_relevance": -1}));
    assert!(matches!(page(Listed { order: &ranked, ..same }, ""), Err(CursorError::Relevance)));
    assert!(matches!(page(Listed { skip: 3, ..same }, ""), Err(CursorError::Skip(3))));
}

#[test]
fn what_is_no_text_is_refused_by_its_kind() {
    let order = order(&json!({}));
    for (value, kind) in [
        (json!(true), "true or false"),
        (json!(0), "a number"),
        (json!([]), "an array"),
        (json!({"after": 1}), "an object"),
    ] {
        assert_eq!(page(listed(&Json::Null, &order), value).map(drop), Err(CursorError::NotText(kind)));
    }
}

#[test]
fn a_cursor_that_was_cut_or_changed_anywhere_is_refused() {
    let whole = cursor();
    for end in 1..whole.len() {
        assert!(matches!(Content::decode(&whole[..end]), Err(CursorError::Damaged)), "cut to {end}");
    }
    for at in 0..whole.len() {
        let other = if &whole[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &whole[..at], &whole[at + 1..]);
        assert!(matches!(Content::decode(&changed), Err(CursorError::Damaged)), "changed at {at}");
    }
    assert!(matches!(Content::decode(&format!("{whole}A")), Err(CursorError::Damaged)));
}

/// A text with a valid checksum.
fn checked(mut bytes: Vec<u8>) -> String {
    bytes.extend(hash(&bytes));
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_cursor_of_another_version_says_so() {
    let text = checked(vec![VERSION + 1, 1, 2, 3]);
    assert!(matches!(Content::decode(&text), Err(CursorError::Version)));
}

#[test]
fn values_that_the_order_can_not_have_are_refused() {
    let order = order(&sort());
    let query = query();
    let walk = page(listed(&query, &order), "").expect("valid").expect("a walk");
    let of_values = |values| walk.cursor(&SortPosition { values, ..place() });
    let text = SortValue::Value(Value::text("b"));
    for values in [vec![], vec![SortValue::Value(Value::Number(5))], vec![text.clone(), text]] {
        assert!(matches!(page(listed(&query, &order), of_values(values)), Err(CursorError::Damaged)));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), bytes in any::<Vec<u8>>(), version in 0..3_u8) {
        let (query, order) = (query(), order(&sort()));
        prop_assert!(text.is_empty() || page(listed(&query, &order), text).is_err());
        for bytes in [bytes.clone(), [vec![version], bytes].concat()] {
            prop_assert!(page(listed(&query, &order), checked(bytes)).is_err());
        }
    }

    #[test]
    fn every_place_comes_back_from_its_cursor(
        tokens in proptest::option::of(any::<i64>()), name in proptest::option::of(any::<String>()), id in any::<u128>(),
    ) {
        let values = [tokens.map_or(Value::Null, Value::Number), name.map_or(Value::Null, Value::text)];
        let place =
            SortPosition { values: values.map(SortValue::Value).to_vec(), id: Uuid::from_u128(id), project: PROJECT };
        let (query, order) = (query(), order(&sort()));
        let walk = page(listed(&query, &order), "").expect("valid").expect("a walk");
        let next = page(listed(&query, &order), walk.cursor(&place)).expect("valid").expect("a walk");
        prop_assert_eq!(next.after, Some(place));
    }
}
