//! Events that were written once and have to be read for ever.

use std::fs;
use std::path::{Path, PathBuf};

use schemas::event::{CallEvent, CallEventType, IncomingEvent, PlainJson, RawJson, decode_structured};
use schemas::reference::{ReferenceKind, ReferenceRecord};
use serde_json::{Map, Value as Json, json};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// The golden events, by the names of their files, in their order.
pub(crate) fn events() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder().join("events")).expect("the folder can be read");
    let mut events: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("the entry can be read").path();
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("the event can be read"))
        })
        .collect();
    events.sort();
    events
}

fn raw(members: &[(Box<str>, RawJson)]) -> Map<String, Json> {
    members.iter().map(|(name, value)| (name.to_string(), value.0.get().into())).collect()
}

/// What was understood, in a form that does not change with the types that hold it. What was kept verbatim is text.
fn understood(event: &IncomingEvent) -> Json {
    let data = &event.data;
    let claims: Map<_, _> =
        data.claims().iter().map(|(column, value)| (column.name().to_owned(), json!(PlainJson(value)))).collect();
    json!({
        "type": event.event_type.name(),
        "id": event.id,
        "source": event.source,
        "call": event.call,
        "project": event.project,
        "time": event.time.map(|time| time.to_string()),
        "extensions": raw(&event.extensions),
        "createdAt": data.created_at.map(|date| date.to_string()),
        "updatedAt": data.updated_at.map(|date| date.to_string()),
        "version": data.version,
        "claims": claims,
        "unknown": raw(&data.unknown),
    })
}

/// The record as it is written again, so without what it leaves to defaults.
fn understood_reference(record: &ReferenceRecord) -> Json {
    let written = record.encode().map(|value| serde_json::from_slice::<Json>(&value).expect("what is written is JSON"));
    json!({ "key": record.key(), "data": written.map(|event| event.get("data").cloned()) })
}

#[test]
fn golden_events_decode_for_ever_to_what_they_meant() {
    for (name, event) in events() {
        let is_reference = event.contains("\"llm-log.reference.");
        let decoded = if is_reference {
            ReferenceRecord::decode_event(event.as_bytes()).map(|record| understood_reference(&record))
        } else {
            decode_structured(event.as_bytes()).map(|event| understood(&event))
        };
        match decoded {
            Ok(decoded) => insta::assert_json_snapshot!(name, decoded),
            Err(problems) => panic!("{name} can't be read any more: {problems}"),
        }
    }
}

#[test]
fn every_type_of_event_has_a_golden_event() {
    let names: Vec<String> = events().into_iter().map(|(name, _)| name).collect();
    let calls = CallEventType::ALL.map(|event_type| event_type.to_string());
    let references = ReferenceKind::ALL.map(ReferenceKind::event_type);
    for event_type in calls.into_iter().chain(references) {
        assert!(names.contains(&event_type), "there is no {event_type}.json");
    }
}

#[test]
fn complete_golden_events_survive_the_log() {
    let mut complete = 0;
    for (name, event) in events() {
        if let Ok(event) = CallEvent::decode(event.as_bytes()) {
            assert_eq!(CallEvent::decode(&event.encode()), Ok(event), "{name}");
            complete += 1;
        }
    }
    assert!(complete >= CallEventType::ALL.len(), "only {complete} golden events are complete");
}
