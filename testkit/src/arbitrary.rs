//! Made-up JSON, with a liking for what a server looks out for.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Texts that parsers tell apart, at and beyond their bounds.
const TEXTS: [&str; 22] = [
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "true",
    "null",
    "2026-03-01",
    "2026-03-01T06:00:00.123Z",
    "2026-02-30T25:61:61+99:99",
    "+262143-01-01T00:00:00Z",
    "550e8400-e29b-41d4-a716-446655440000",
    "{550e8400-e29b-41d4-a716-446655440000}",
    "a AND (\"b c\" OR NOT d*)",
    "(((",
    "\"",
    "*",
    "%_\\",
    "\u{0}",
    "İ\u{301}ﬀß😀",
    "\u{202e}é",
    "constructor",
];

/// Any JSON whose names and texts are often those given.
pub fn arbitrary_json(names: &'static [&'static str]) -> BoxedStrategy<Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec![0_i64, -1, 1, 100, 101, 10_001, i64::from(i32::MAX) + 1, i64::MIN]).prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number,
        text(names).prop_map(Value::String),
        text(names).prop_map(|value| json!({ "_type": "DateTime", "value": value })),
    ];
    let nested = leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![vec(inner.clone(), 0..6).prop_map(Value::Array), arbitrary_object(names, inner)]
    });
    nested.boxed()
}

/// An object with such names.
pub fn arbitrary_object(
    names: &'static [&'static str],
    member: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<Value> {
    let members = vec((text(names), member), 0..5);
    members.prop_map(|members| Value::Object(Map::from_iter(members))).boxed()
}

fn text(names: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![
        4 => select(names).prop_map(str::to_owned),
        2 => select(&TEXTS[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
    .boxed()
}
