//! Compares an answer with what is expected of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::client::Answer;

/// Differences of one JSON document that are told; the rest is only counted.
const TOLD: usize = 5;
/// Characters of a value that a difference shows.
const SHOWN: usize = 160;

/// Everything in which the answer is not as expected; empty when it is.
///
/// An expectation has any of: `status`; `json` (the whole body, compared as values, so the order of keys does not
/// count; without `data` it is about the other members of a list that it names); `count`, `skip`, `limit` (members of
/// the body); `ids` (the rows in their order) or `id_set` (in any order); `keys` (the keys of objects in their order,
/// by JSON pointer); `headers`; `content_type` (null: none); `text` (the whole body) and `text_contains`. `facts` are
/// for people. Any other member is a difference: it would go unseen.
pub fn differences(expected: &Map<String, Value>, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let body = serde_json::from_slice::<Value>(&answer.body);
    for (name, wanted) in expected {
        match name.as_str() {
            "status" => compare_value("status", wanted, &answer.status.into(), &mut found),
            "json" => match &body {
                Ok(body) => compare_documents(wanted, body, &mut found),
                Err(_) => found.push(format!("the body is not JSON: {}", shown(&answer.text()))),
            },
            "count" | "skip" | "limit" => {
                let actual = body.as_ref().ok().and_then(|body| body.get(name));
                match actual {
                    Some(actual) => compare_value(name, wanted, actual, &mut found),
                    None => found.push(format!("{name}: expected {wanted}, but the body has none")),
                }
            }
            "ids" | "id_set" => match (ids(body.as_ref().ok()), wanted) {
                (None, _) => found.push(format!("{name}: expected {}, but the body has no rows", shown_json(wanted))),
                (Some(actual), _) if name == "ids" => {
                    compare_value("ids", wanted, &Value::from(actual), &mut found);
                }
                (Some(actual), Value::Array(wanted)) => compare_sets(wanted, &actual, &mut found),
                _ => found.push(unreadable(name, wanted)),
            },
            "keys" => match wanted {
                Value::Object(wanted) => compare_keys(wanted, body.as_ref().ok(), &mut found),
                _ => found.push(unreadable(name, wanted)),
            },
            "headers" => match wanted {
                Value::Object(wanted) => {
                    wanted.iter().for_each(|(header, wanted)| compare_header(header, wanted, answer, &mut found));
                }
                _ => found.push(unreadable(name, wanted)),
            },
            "content_type" => compare_header("Content-Type", wanted, answer, &mut found),
            "text" => compare_value("text", wanted, &answer.text().into(), &mut found),
            "text_contains" => match wanted {
                Value::String(part) if answer.text().contains(part) => {}
                Value::String(_) => {
                    let text = answer.text();
                    found.push(format!("text: expected {} within {}", shown_json(wanted), shown(&text)));
                }
                _ => found.push(unreadable(name, wanted)),
            },
            "facts" => {}
            _ => found.push(format!("the expectation {name:?} is not known")),
        }
    }
    found
}

/// An expectation that could never fail is one.
fn unreadable(name: &str, wanted: &Value) -> String {
    format!("the expectation {name:?} can't be {}", shown_json(wanted))
}

/// The ids of a list's rows; none when the body is no list.
fn ids(body: Option<&Value>) -> Option<Vec<String>> {
    let rows = body?.get("data")?.as_array()?;
    let id = |row: &Value| row.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(rows.iter().map(id).collect())
}

fn compare_value(name: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    if !equal(expected, actual) {
        let (expected, actual) = (shown(&expected.to_string()), shown(&actual.to_string()));
        found.push(format!("{name}: expected {expected}, got {actual}"));
    }
}

fn compare_header(name: &str, expected: &Value, answer: &Answer, found: &mut Vec<String>) {
    let actual = answer.header(name).map_or(Value::Null, Value::String);
    compare_value(&format!("header {name}"), expected, &actual, found);
}

fn compare_sets(expected: &[Value], actual: &[String], found: &mut Vec<String>) {
    let expected: BTreeSet<&str> = expected.iter().map(|id| id.as_str().unwrap_or("(no text)")).collect();
    let set: BTreeSet<&str> = actual.iter().map(String::as_str).collect();
    let list = |ids: BTreeSet<&str>| shown(&Vec::from_iter(ids).join(", "));
    let (missing, extra) = (&expected - &set, &set - &expected);
    if !missing.is_empty() {
        found.push(format!("ids: missing {}", list(missing)));
    }
    if !extra.is_empty() {
        found.push(format!("ids: not expected {}", list(extra)));
    }
    if set.len() < actual.len() {
        found.push("ids: some stand twice".to_owned());
    }
}

fn compare_keys(expected: &Map<String, Value>, body: Option<&Value>, found: &mut Vec<String>) {
    for (pointer, wanted) in expected {
        let object = body.and_then(|body| body.pointer(pointer)).and_then(Value::as_object);
        let keys: Vec<&str> = object.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        compare_value(&format!("keys of {pointer:?}"), wanted, &Value::from(keys), found);
    }
}

fn compare_documents(expected: &Value, actual: &Value, found: &mut Vec<String>) {
    let mut all = Vec::new();
    match (expected, actual) {
        (Value::Object(named), Value::Object(list)) if list.contains_key("data") && !named.contains_key("data") => {
            let members = list.iter().filter(|(name, _)| named.contains_key(*name));
            let members = members.map(|(name, value)| (name.clone(), value.clone())).collect();
            descend("", expected, &Value::Object(members), &mut all);
        }
        _ => descend("", expected, actual, &mut all),
    }
    let more = all.len().saturating_sub(TOLD);
    found.extend(all.into_iter().take(TOLD));
    if more > 0 {
        found.push(format!("and {more} more"));
    }
}

fn descend(pointer: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, expected) in expected {
                match actual.get(name) {
                    Some(actual) => descend(&format!("{pointer}/{name}"), expected, actual, found),
                    None => found.push(format!("{pointer}/{name}: expected {}, got nothing", shown_json(expected))),
                }
            }
            for (name, extra) in actual.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                found.push(format!("{pointer}/{name}: expected nothing, got {}", shown_json(extra)));
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if expected.len() != actual.len() {
                found.push(format!("{pointer}: expected {} items, got {}", expected.len(), actual.len()));
            }
            for (at, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                descend(&format!("{pointer}/{at}"), expected, actual, found);
            }
        }
        _ => compare_value(if pointer.is_empty() { "/" } else { pointer }, expected, actual, found),
    }
}

/// Equal as JSON: the order of keys does not count, and 1 is 1.0.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            // A double does not tell great whole numbers apart.
            let fractional = one.is_f64() || other.is_f64();
            one == other
                || fractional
                    && matches!((one.as_f64(), other.as_f64()), (Some(one), Some(other)) if one.total_cmp(&other).is_eq())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => one == other,
    }
}

fn shown_json(value: &Value) -> String {
    shown(&value.to_string())
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conformance::alterations;

    fn answer(status: u16, body: &str) -> Answer {
        let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    fn found(expected: Value, answer: &Answer) -> Vec<String> {
        let Value::Object(expected) = expected else { panic!("an expectation is an object") };
        differences(&expected, answer)
    }

    const LIST: &str = r#"{"count":2,"limit":10,"skip":0,"data":[{"_id":"a","n":1},{"_id":"b","n":null}]}"#;

    #[test]
    fn an_answer_as_expected_has_no_differences() {
        let expected = json!({
            "status": 200,
            "facts": ["whatever it says"],
            "json": {"data": [{"n": 1.0, "_id": "a"}, {"_id": "b", "n": null}], "skip": 0, "limit": 10, "count": 2},
            "count": 2, "skip": 0, "limit": 10,
            "ids": ["a", "b"], "id_set": ["b", "a"],
            "keys": {"": ["count", "limit", "skip", "data"], "/data/0": ["_id", "n"]},
            "headers": {"Content-Type": "application/json; charset=utf-8"},
            "content_type": "application/json; charset=utf-8",
            "text": LIST,
            "text_contains": "\"n\":null",
        });
        assert_eq!(found(expected, &answer(200, LIST)), [""; 0]);
        assert_eq!(found(json!({"json": {"count": 2}}), &answer(200, LIST)), [""; 0]);
    }

    #[test]
    fn every_kind_of_expectation_can_fail() {
        for (expected, difference) in [
            (json!({"status": 400}), "status: expected 400, got 200"),
            (json!({"json": {"count": 2, "total": 2}}), "/total: expected 2, got nothing"),
            (json!({"json": {"data": []}}), "/data: expected 0 items, got 2"),
            (json!({"count": 3}), "count: expected 3, got 2"),
            (json!({"limit": null}), "limit: expected null, got 10"),
            (json!({"ids": ["b", "a"]}), r#"ids: expected ["b","a"], got ["a","b"]"#),
            (json!({"id_set": ["a"]}), "ids: not expected b"),
            (json!({"id_set": ["a", "b", "c"]}), "ids: missing c"),
            (json!({"keys": {"/data/0": ["n", "_id"]}}), r#"keys of "/data/0": expected ["n","_id"], got ["_id","n"]"#),
            (json!({"headers": {"X-Other": "1"}}), r#"header X-Other: expected "1", got null"#),
            (
                json!({"content_type": null}),
                r#"header Content-Type: expected null, got "application/json; charset=utf-8""#,
            ),
            (json!({"text_contains": "nope"}), r#"text: expected "nope" within "#),
            (json!({"statsu": 200}), r#"the expectation "statsu" is not known"#),
            (json!({"text_contains": 2}), r#"the expectation "text_contains" can't be 2"#),
            (json!({"headers": ["Content-Type"]}), r#"the expectation "headers" can't be ["Content-Type"]"#),
            (json!({"keys": ["_id"]}), r#"the expectation "keys" can't be ["_id"]"#),
            (json!({"id_set": "a"}), r#"the expectation "id_set" can't be "a""#),
        ] {
            let found = found(expected.clone(), &answer(200, LIST));
            assert!(found.first().is_some_and(|first| first.starts_with(difference)), "{expected}: {found:?}");
        }
        assert_eq!(found(json!({"text": ""}), &answer(204, "x")), [r#"text: expected "", got "x""#]);
        assert_eq!(found(json!({"id_set": ["a"]}), &answer(200, r#"{"data":[{"_id":"a"},{"_id":"a"}]}"#)).len(), 1);
        let item = answer(200, r#"{"_id":"a"}"#);
        assert_eq!(found(json!({"ids": []}), &item), ["ids: expected [], but the body has no rows"]);
        assert_eq!(found(json!({"id_set": []}), &item), ["id_set: expected [], but the body has no rows"]);
        assert_eq!(found(json!({"json": {}}), &item), [r#"/_id: expected nothing, got "a""#]);
        assert_eq!(found(json!({"json": {}}), &answer(200, "<html>")), ["the body is not JSON: <html>"]);
    }

    #[test]
    fn numbers_are_equal_by_value_and_whole_ones_to_the_last_digit() {
        let body = r#"{"n":9007199254740993,"m":1.0}"#;
        let expected = json!({"json": {"n": 9_007_199_254_740_993_i64, "m": 1}});
        assert_eq!(found(expected, &answer(200, body)), [""; 0]);
        let expected = json!({"json": {"n": 9_007_199_254_740_992_i64, "m": 1.5}});
        assert_eq!(found(expected, &answer(200, body)).len(), 2);
    }

    #[test]
    fn whatever_is_altered_in_an_expectation_is_a_difference() {
        let expected = json!({
            "status": 200,
            "json": {"data": [{"_id": "a", "n": 1}, {"_id": "b", "n": null}], "skip": 0, "limit": 10, "count": 2},
            "count": 2, "ids": ["a", "b"], "id_set": ["b", "a"], "keys": {"": ["count", "limit", "skip", "data"]},
            "headers": {"X-None": null}, "content_type": "application/json; charset=utf-8", "text": LIST,
            "text_contains": "null",
        });
        let Value::Object(expected) = expected else { panic!("an object") };
        let altered = alterations(&expected);
        assert!(altered.len() > 30, "{}", altered.len());
        for altered in altered {
            assert!(!differences(&altered, &answer(200, LIST)).is_empty(), "{altered:?}");
        }
    }

    #[test]
    fn differences_name_the_place_and_stay_few() {
        let expected =
            json!({"json": {"data": [{"_id": "a", "n": 2}, {"_id": "b"}], "count": 2, "limit": 10, "skip": 0}});
        assert_eq!(
            found(expected, &answer(200, LIST)),
            ["/data/0/n: expected 2, got 1", "/data/1/n: expected nothing, got null"]
        );
        let many: Vec<u32> = (0..50).collect();
        let none = vec![100; 50];
        let found = found(json!({"json": many}), &answer(200, &Value::from(none).to_string()));
        assert_eq!(found.len(), TOLD + 1);
        assert_eq!(found.last().map(String::as_str), Some("and 45 more"));
    }
}
