//! The JSON Schemas: what is committed, and that they say what the decoder does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use schemas::event::decode_structured;
use schemas::json_schema::EventSchema;
use schemas::reference::{REFERENCE_TYPE_PREFIX, ReferenceRecord};
use serde_json::{Value, json};

use crate::golden;

struct Schema {
    event: EventSchema,
    validator: Validator,
    /// A valid event of the type.
    sample: Value,
}

impl Schema {
    /// What the schema and what the decoder say of an event.
    fn verdicts(&self, event: &Value) -> (bool, bool) {
        let written = event.to_string();
        (self.validator.is_valid(event), self.decodes(&written))
    }

    fn decodes(&self, event: &str) -> bool {
        if self.is_reference() {
            ReferenceRecord::decode_event(event.as_bytes()).is_ok()
        } else {
            decode_structured(event.as_bytes()).is_ok()
        }
    }

    fn is_reference(&self) -> bool {
        self.event.event_type.starts_with(REFERENCE_TYPE_PREFIX)
    }

    /// The names that stand in the schema's `properties` at a pointer, with whether each is required.
    fn members(&self, pointer: &str) -> Vec<(String, bool)> {
        let object = self.event.schema.pointer(pointer).expect("the schema has such an object");
        let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let properties = object.get("properties").and_then(Value::as_object).expect("the object has properties");
        properties.keys().map(|name| (name.clone(), required.contains(&json!(name)))).collect()
    }
}

fn schema(event_type: &str) -> Schema {
    let found = schemas().into_iter().find(|schema| schema.event.event_type == event_type);
    found.expect("there is such a type")
}

fn schemas() -> Vec<Schema> {
    let golden: BTreeMap<String, String> = golden::events().into_iter().collect();
    let of = |event: EventSchema| {
        let sample = golden.get(&event.event_type).expect("every type of event has a golden event");
        Schema {
            validator: jsonschema::draft202012::new(&event.schema).expect("the schema is valid"),
            sample: serde_json::from_str(sample).expect("a golden event is JSON"),
            event,
        }
    };
    EventSchema::all().into_iter().map(of).collect()
}

/// The sample with another value at a pointer, or without what stands there.
fn changed(sample: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut event = sample.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer to a member");
    let parent = event.pointer_mut(parent).and_then(Value::as_object_mut).expect("the sample has the parent");
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    event
}

#[test]
fn the_committed_schemas_are_those_of_the_model() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("json");
    let again = "write them again: cargo run -p schemas --example json-schema";
    let mut expected = BTreeSet::new();
    for schema in EventSchema::all() {
        let committed = fs::read_to_string(folder.join(schema.file_name())).unwrap_or_default();
        assert!(committed == schema.text(), "{} is not what the model says; {again}", schema.file_name());
        expected.insert(schema.file_name());
    }
    let entries = fs::read_dir(&folder).expect("the folder can be read");
    let found = entries.map(|entry| entry.expect("the entry can be read").file_name().to_string_lossy().into_owned());
    assert_eq!(found.collect::<BTreeSet<_>>(), expected, "a schema of no event");
}

#[test]
fn every_member_of_a_schema_is_described() {
    for schema in schemas() {
        for pointer in ["", "/properties/data"] {
            for (name, _) in schema.members(pointer) {
                let member = schema.event.schema.pointer(&format!("{pointer}/properties/{name}")).expect("a member");
                let said =
                    member.get("description").and_then(Value::as_str).is_some_and(|text| text.ends_with(['.', '?']));
                assert!(said || member.get("const").is_some(), "{}: {name}", schema.event.event_type);
            }
        }
    }
}

#[test]
fn samples_pass_and_each_mutation_of_them_fails() {
    for schema in schemas() {
        let event_type = &schema.event.event_type;
        assert_eq!(schema.verdicts(&schema.sample), (true, true), "the sample of {event_type}");
        for (parent, object) in [("", ""), ("/data", "/properties/data")] {
            for (name, required) in schema.members(object) {
                let pointer = format!("{parent}/{name}");
                if required {
                    let without = changed(&schema.sample, &pointer, None);
                    assert_eq!(schema.verdicts(&without), (false, false), "{event_type} without {pointer}");
                }
                let is_free = schema.event.schema.pointer(&format!("{object}/properties/{name}/description"))
                    == Some(&json!("Not looked at."));
                if !is_free {
                    // No member of any event holds a list of lists.
                    let wrong = changed(&schema.sample, &pointer, Some(json!([[]])));
                    assert_eq!(schema.verdicts(&wrong), (false, false), "{event_type} with a list in {pointer}");
                }
            }
        }
    }
}

/// Every kind of value that JSON and the model know, in good and bad spellings.
fn values() -> Vec<Value> {
    let texts = [
        "",
        "x",
        "1.0",
        "Success",
        "Error",
        "Running",
        "550e8400-e29b-41d4-a716-446655440000",
        "550E8400E29B41D4A716446655440000",
        "{550e8400-e29b-41d4-a716-446655440000}",
        "{550e8400e29b41d4a716446655440000}",
        "URN:uuid:550e8400-e29b-41d4-a716-446655440000",
        "550e8400-e29b-41d4-a716-44665544000",
        "550e8400-e29b-41d4-a716-44665544000g",
        "2026-03-01T06:00:00Z",
        "2026-03-01t06:00:00.123456789+01:00",
        "2026-03-01 06:00:00z",
        "2026-12-31T23:59:60Z",
        "2026-03-01",
        "2026-03-01T06:00:00",
        "2026-03-01T06:00Z",
        "2026-13-01T06:00:00Z",
        "2026-03-32T06:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T06:00:00+24:00",
        "2026-03-01T06:00:00.Z",
        "application/json",
        "Application/vnd.shop+JSON; charset=utf-8",
        "text/plain",
        "application/jsonl",
        "llm-log:call:1",
        "https://example.com/v01",
        "llm-log:call:2",
        "llm-log:call:11",
        "llm-log:call:",
    ];
    let others = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(5.0),
        json!(-0.25),
        json!(1e-30),
        json!(9_007_199_254_740_991_i64),
        json!(9_007_199_254_740_992_i64),
        json!(900_000_000_000_i64),
        json!(900_000_000_001_i64),
        json!(-900_000_000_000_i64),
        json!(-900_000_000_001_i64),
        json!(1e18),
        json!(u64::MAX),
        json!("x".repeat(1024)),
        json!("x".repeat(1025)),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({ "_type": "ObjectID", "value": "550e8400-e29b-41d4-a716-446655440000" }),
    ];
    texts.into_iter().map(Value::from).chain(others).collect()
}

#[test]
fn schema_and_decoder_agree_on_every_value_in_every_member() {
    let (mut good, mut bad) = (0, 0);
    let values = values();
    for schema in schemas() {
        for (parent, object) in [("", ""), ("/data", "/properties/data")] {
            let mut members = schema.members(object);
            members.push(("neverSeenBefore".to_owned(), false));
            for (name, _) in members {
                let pointer = format!("{parent}/{name}");
                for value in std::iter::once(None).chain(values.iter().cloned().map(Some)) {
                    // A whole number of a reference event has no decimal point, which a schema can't say.
                    if schema.is_reference() && value.as_ref().is_some_and(Value::is_f64) {
                        continue;
                    }
                    let what = format!("{} with {value:?} at {pointer}", schema.event.event_type);
                    let (valid, decodes) = schema.verdicts(&changed(&schema.sample, &pointer, value));
                    assert_eq!(valid, decodes, "schema (left) and decoder (right) differ on {what}");
                    if valid { good += 1 } else { bad += 1 }
                }
            }
        }
    }
    assert!(good > 5000 && bad > 5000, "{good} good and {bad} bad events are no test");
}

/// What an event of each type needs and may say together: a type, what is put at a pointer into its sample (nothing
/// takes it away), and whether it is good.
const TABLE: [(&str, &str, &str, bool); 26] = [
    ("call.started", "/data", "{}", true),
    ("call.started", "/data", "null", false),
    ("call.started", "/type", r#""llm-log.call.begun""#, false),
    ("call.started", "/data/status", r#""Waiting""#, true),
    ("call.completed", "/data", "{}", true),
    ("call.completed", "/data", r#"{"status":"Success"}"#, true),
    ("call.failed", "/data", "{}", true),
    ("call.failed", "/data", r#"{"status":"Success"}"#, false),
    ("call.failed", "/data", r#"{"status":"success"}"#, true),
    ("call.recorded", "/data", "{}", false),
    ("call.recorded", "/data", r#"{"status":null}"#, false),
    ("call.recorded", "/data", r#"{"status":""}"#, true),
    ("call.annotated", "/data", "{}", false),
    ("call.annotated", "/data", r#"{"status":null}"#, false),
    ("call.annotated", "/data", r#"{"new":1,"projectId":"550e8400-e29b-41d4-a716-446655440000"}"#, false),
    ("call.annotated", "/data", r#"{"userId":null}"#, true),
    ("call.annotated", "/data", r#"{"userId":null,"totalTokens":5}"#, false),
    ("call.abandoned", "/data", r#"{"new":1}"#, true),
    ("call.abandoned", "/data", r#"{"statusMessage":null}"#, false),
    ("call.erased", "/data", r#"{"createdAt":"2026-03-01T06:00:00Z"}"#, true),
    ("call.erased", "/data", "", false),
    ("call.erased", "/subject", "", false),
    ("call.erased", "/subject", "null", false),
    ("reference.key", "/data/permissions", r#"[{"permission":"A"},{}]"#, false),
    ("reference.user", "/data", "{}", true),
    ("reference.project", "/data", "null", true),
];

#[test]
fn schema_and_decoder_agree_on_what_each_type_needs() {
    for (event_type, pointer, value, good) in TABLE {
        let schema = schema(&format!("llm-log.{event_type}"));
        let value = (!value.is_empty()).then(|| serde_json::from_str(value).expect("the table holds JSON"));
        let event = changed(&schema.sample, pointer, value);
        assert_eq!(schema.verdicts(&event), (good, good), "schema, then decoder, on {event}");
    }
}

#[test]
fn what_a_schema_cannot_say_the_decoder_sees() {
    let started = schema("llm-log.call.started");
    let deep = (0..101).fold(json!(1), |inner, _| json!([inner]));
    for (pointer, value) in [
        ("/time", json!("2026-02-30T06:00:00Z")),
        ("/data/createdAt", json!("0000-12-31T06:00:00Z")),
        ("/id", json!("ä".repeat(1000))),
        ("/data/new", deep),
    ] {
        let event = changed(&started.sample, pointer, Some(value));
        assert_eq!(started.verdicts(&event), (true, false), "{pointer}");
    }
    assert!(!started.decodes(&started.sample.to_string().replacen('{', r#"{"specversion":"1.0","#, 1)));
    let log = schema("llm-log.reference.log");
    assert_eq!(log.verdicts(&changed(&log.sample, "/data/partitions", Some(json!(16.0)))), (true, false));
}

#[test]
fn white_space_around_ids_and_dates_is_forgiven_by_the_decoder_only() {
    let started = schema("llm-log.call.started");
    for (pointer, value) in [
        ("/subject", " 550e8400-e29b-41d4-a716-446655440000"),
        ("/time", "2026-03-01T06:00:00Z\n"),
        ("/data/userId", "\t550e8400-e29b-41d4-a716-446655440000"),
    ] {
        let event = changed(&started.sample, pointer, Some(json!(value)));
        assert_eq!(started.verdicts(&event), (false, true), "{pointer}");
    }
}
