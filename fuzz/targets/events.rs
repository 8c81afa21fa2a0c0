//! Events of calls and reference data: what decodes is written so that it decodes to the same, and folds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use schemas::event::{CallEvent, decode_binary, decode_structured};
use schemas::fold::CallState;
use schemas::reference::ReferenceRecord;

const ATTRIBUTES: &[(&str, &str)] = &[
    ("specversion", "1.0"),
    ("id", "1"),
    ("source", "fuzz"),
    ("type", "llm-log.call.completed"),
    ("subject", "5a000000-0000-4000-8000-000000000001"),
    ("time", "2026-03-01T06:00:00Z"),
];

fuzz_target!(|value: &[u8]| {
    let incoming = decode_structured(value);
    if let Ok(event) = CallEvent::decode(value) {
        assert!(incoming.is_ok(), "what the log takes, ingest takes: {incoming:?}");
        let encoded = event.encode();
        assert_eq!(CallEvent::decode(&encoded).as_ref(), Ok(&event), "{}", String::from_utf8_lossy(&encoded));
        let state = CallState::of(event, 1);
        let mut twice = state.clone();
        twice.merge(state.clone());
        assert_eq!(twice, state, "the fold of an event with itself");
        assert_eq!(CallState::decode(&state.encode()).as_ref().ok(), Some(&state));
    }
    let _ = decode_binary(ATTRIBUTES, value);
    if let Ok(record) = ReferenceRecord::decode_event(value)
        && let Some(encoded) = record.encode()
    {
        let decoded = ReferenceRecord::decode(record.key().as_bytes(), Some(&encoded));
        assert_eq!(decoded.as_ref().ok(), Some(&record), "{}", String::from_utf8_lossy(&encoded));
    }
});
