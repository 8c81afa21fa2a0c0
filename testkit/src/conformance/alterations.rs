//! Expectations made wrong, to see whether the matcher tells.

use serde_json::{Map, Value};

/// The expectation with one thing altered, for each thing in it that a matcher has to look at.
pub fn alterations(expected: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut all = Vec::new();
    for (name, value) in expected {
        let wrong = match (name.as_str(), value) {
            ("facts", _) => Vec::new(),
            ("json", Value::Object(members)) => document(members),
            ("id_set", Value::Array(ids)) => shorter_and_longer(ids),
            // What they do not name they are not about.
            ("headers" | "keys", Value::Object(members)) => members_altered(members),
            _ => altered(value),
        };
        all.extend(wrong.into_iter().map(|value| with(expected, name, value)));
    }
    all
}

/// A list's document without `data` is about what it names.
fn document(members: &Map<String, Value>) -> Vec<Value> {
    let mut all = members_altered(members);
    if members.contains_key("data") {
        all.extend(members.keys().filter(|name| *name != "data").map(|name| without(members, name)));
    }
    all.push(with(members, "(another)", Value::Null).into());
    all
}

fn altered(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![0.into()],
        Value::Bool(value) => vec![(!value).into()],
        Value::Number(number) => vec![number.as_i64().map_or(Value::Null, |number| (number + 1).into())],
        Value::String(text) => vec![format!("{text}!").into()],
        Value::Array(items) => items_altered(items),
        Value::Object(members) => {
            let mut all = members_altered(members);
            all.extend(members.keys().map(|name| without(members, name)));
            all.push(with(members, "(another)", Value::Null).into());
            all
        }
    }
}

fn items_altered(items: &[Value]) -> Vec<Value> {
    let mut all = shorter_and_longer(items);
    for (at, item) in items.iter().enumerate() {
        for wrong in altered(item) {
            let changed = items.iter().enumerate().map(|(other, item)| if other == at { &wrong } else { item });
            all.push(changed.cloned().collect());
        }
    }
    let swapped: Vec<Value> = items.iter().rev().cloned().collect();
    if swapped != items {
        all.push(swapped.into());
    }
    all
}

fn shorter_and_longer(items: &[Value]) -> Vec<Value> {
    let mut all = vec![items.iter().cloned().chain([Value::from("(another)")]).collect()];
    if let Some((_, shorter)) = items.split_last() {
        all.push(shorter.to_vec().into());
    }
    all
}

fn members_altered(members: &Map<String, Value>) -> Vec<Value> {
    let of = |(name, value): (&String, &Value)| {
        let name = name.clone();
        altered(value).into_iter().map(move |value| with(members, &name, value).into())
    };
    members.iter().flat_map(of).collect()
}

fn with(members: &Map<String, Value>, name: &str, value: Value) -> Map<String, Value> {
    let mut changed = members.clone();
    changed.insert(name.to_owned(), value);
    changed
}

fn without(members: &Map<String, Value>, name: &str) -> Value {
    let mut changed = members.clone();
    changed.shift_remove(name);
    changed.into()
}
