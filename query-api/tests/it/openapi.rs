//! The description is exact: whatever it lets a request say is answered, and every answer is as it says.

mod answers;
mod requests;

use query_api::{Compat, openapi};
use serde_json::Value as Json;
use testkit::Description;

fn description(compat: Compat) -> Description {
    Description::new(serde_json::to_value(openapi(compat)).expect("JSON"))
}

#[test]
fn the_description_of_the_documented_form_is_this() {
    insta::assert_json_snapshot!(openapi(Compat::Docs));
}

/// Only what differs from the documented form: the rest stands there.
#[test]
fn the_description_of_the_reference_form_is_this() {
    let of = |compat: Compat| serde_json::to_value(openapi(compat)).expect("JSON");
    let mut differing = serde_json::Map::new();
    differences("", &of(Compat::Docs), &of(Compat::OneUptime), &mut differing);
    insta::assert_json_snapshot!(differing);
}

/// The values of `other` that `one` has not got, by JSON pointer.
fn differences(pointer: &str, one: &Json, other: &Json, found: &mut serde_json::Map<String, Json>) {
    match (one, other) {
        (Json::Object(one), Json::Object(other))
            if other.keys().all(|name| one.contains_key(name)) || pointer.ends_with("/schemas") =>
        {
            for (name, value) in other {
                differences(&format!("{pointer}/{name}"), one.get(name).unwrap_or(&Json::Null), value, found);
            }
        }
        _ if one == other => {}
        _ => drop(found.insert(pointer.to_owned(), other.clone())),
    }
}

#[test]
fn every_schema_that_is_named_is_there() {
    fn names(value: &Json, found: &mut Vec<String>) {
        match value {
            Json::Object(members) => {
                found.extend(members.get("$ref").and_then(Json::as_str).map(str::to_owned));
                members.values().for_each(|value| names(value, found));
            }
            Json::Array(elements) => elements.iter().for_each(|value| names(value, found)),
            _ => {}
        }
    }
    for compat in [Compat::Docs, Compat::OneUptime] {
        let description = serde_json::to_value(openapi(compat)).expect("JSON");
        assert_eq!(description["openapi"], "3.1.0");
        let mut found = Vec::new();
        names(&description, &mut found);
        for name in &found {
            assert!(description.pointer(name.trim_start_matches('#')).is_some(), "{name}");
        }
        for schema in description["components"]["schemas"].as_object().expect("schemas").keys() {
            let name = format!("#/components/schemas/{schema}");
            assert!(found.contains(&name), "nothing names {schema}");
        }
    }
}
