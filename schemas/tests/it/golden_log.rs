//! The golden log: what it folds to changes only together with `FOLD_VERSION`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use schemas::event::{CallEvent, PlainJson};
use schemas::fold::{CallState, FOLD_VERSION, StoredTexts};
use schemas::id::CallKey;
use schemas::model::{Column, ColumnType};
use schemas::row::Row;
use schemas::value::Value;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_128;

use crate::golden;

fn log() -> String {
    fs::read_to_string(golden::folder().join("log.jsonl")).expect("the golden log can be read")
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

fn folded<'a>(records: impl Iterator<Item = &'a str>) -> BTreeMap<CallKey, CallState> {
    let mut calls: BTreeMap<CallKey, CallState> = BTreeMap::new();
    for (at, record) in records.enumerate() {
        let event = match CallEvent::decode(record.as_bytes()) {
            Ok(event) => event,
            Err(error) => panic!("record {at} of the golden log can't be read any more: {error}"),
        };
        let key = event.key;
        let state = CallState::of(event, xxh3_128(record.as_bytes()));
        match calls.get_mut(&key) {
            Some(known) => drop(known.merge(state)),
            None => drop(calls.insert(key, state)),
        }
    }
    calls
}

/// The digest of what the index stores of each call, and of what it shows.
fn digest(calls: &BTreeMap<CallKey, CallState>) -> String {
    let columns = Column::ALL.into_iter().collect();
    let mut hasher = Sha256::new();
    for (key, state) in calls {
        hasher.update(key.to_bytes());
        hasher.update(state.encode());
        let CallState::Live(live) = state else { continue };
        for (column, value) in Row::of(*key, live, columns).iter() {
            let shown = serde_json::to_string(&PlainJson(value)).expect("a value is written as JSON");
            hasher.update(format!("{}={shown}\n", column.name()));
        }
        hasher.update([u8::from(live.is_visible())]);
    }
    hex(hasher)
}

fn digests() -> BTreeMap<u32, Json> {
    let digests = fs::read(golden::folder().join("digests.json")).expect("the digests can be read");
    serde_json::from_slice(&digests).expect("the digests are JSON, by fold version")
}

#[test]
fn the_golden_log_folds_to_what_it_did_unless_the_fold_has_a_new_version() {
    let log = log();
    let found = json!({
        "records": log.lines().count(),
        "log": hex(Sha256::new_with_prefix(&log)),
        "states": digest(&folded(log.lines())),
    });
    let digests = digests();
    assert!(
        digests.get(&FOLD_VERSION) == Some(&found),
        "the golden log folds to something else than fold version {FOLD_VERSION} made of it. If this is meant, raise \
         FOLD_VERSION and add a digest, so that indexes are rebuilt; what is said of a version never changes.\n{found:#}"
    );
    assert_eq!(digests.keys().max(), Some(&FOLD_VERSION), "there are digests of a fold that is not here");
}

#[test]
fn the_golden_log_only_ever_grows() {
    let log = log();
    for (version, known) in digests() {
        let records = known.get("records").and_then(Json::as_u64).and_then(|records| usize::try_from(records).ok());
        let start: String = log.split_inclusive('\n').take(records.expect("the number of records")).collect();
        let hash = Json::from(hex(Sha256::new_with_prefix(start)));
        assert_eq!(known.get("log"), Some(&hash), "records that version {version} has folded are changed");
    }
}

#[test]
fn the_texts_read_out_of_a_stored_state_are_those_that_it_claims() {
    let mut texts = 0;
    for (key, state) in folded(log().lines()) {
        let bytes = state.encode();
        let stored = StoredTexts::of(&bytes).expect("readable");
        for column in Column::ALL {
            let is_long = matches!(column.column_type(), ColumnType::LongText | ColumnType::VeryLongText);
            let claimed = match &state {
                CallState::Live(live) if is_long => live.claimed(column).and_then(Value::as_text),
                _ => None,
            };
            assert_eq!(stored.get(column), claimed, "{} of {}", column.name(), key.call);
            texts += usize::from(claimed.is_some());
        }
        assert!(StoredTexts::of(&bytes[..bytes.len() - 1]).is_err() || state == CallState::Erased);
    }
    assert!(texts >= 50, "{texts} texts");
}

#[test]
fn the_golden_log_has_histories_of_every_kind() {
    let log = log();
    let calls = folded(log.lines());
    let erased = calls.values().filter(|state| **state == CallState::Erased).count();
    let hidden = |state: &&CallState| matches!(state, CallState::Live(live) if !live.is_visible());
    assert!(erased >= 3, "{erased} erased calls");
    assert!(calls.values().filter(hidden).count() >= 1, "no call is known by annotations only");
    assert!(log.lines().count() > calls.len() * 2, "most calls have more than one event");
}
