//! The fold is a join: order, repetition and split of a call's events change nothing.

use proptest::prelude::*;
use schemas::event::{CallData, CallEvent, CallEventType};
use schemas::fold::CallState;
use schemas::id::{CallId, CallKey, ProjectId};
use schemas::model::Column;
use schemas::time::{Date, Timestamp};
use schemas::value::Value;
use uuid::Uuid;

const COLUMNS: [Column; 8] = [
    Column::Status,
    Column::StatusMessage,
    Column::TotalTokens,
    Column::CompletionTokens,
    Column::Feature,
    Column::UserId,
    Column::RequestStartedAt,
    Column::RequestCompletedAt,
];

fn value(column: Column, number: u8) -> Value {
    if number == 0 && column != Column::Status {
        return Value::Null;
    }
    match column {
        Column::TotalTokens | Column::CompletionTokens => Value::Number(i64::from(number)),
        Column::UserId => Value::Id(Uuid::from_u128(u128::from(number))),
        Column::RequestStartedAt | Column::RequestCompletedAt => Value::Date(Date(i64::from(number))),
        Column::Status if number == 0 => Value::text("Running"),
        _ => Value::text(format!("text {number}")),
    }
}

/// Few distinct times, so that ranks and times are often equal and the hash decides.
fn event() -> impl Strategy<Value = CallEvent> {
    let claims = proptest::collection::vec((proptest::sample::select(&COLUMNS[..]), 0..4_u8), 0..5);
    let dates = (proptest::option::of(0..3_i64), proptest::option::of(0..3_i64), proptest::option::of(0..4_i64));
    (0..40_usize, 0..3_i64, claims, dates).prop_map(|(kind, time, claims, (created, updated, version))| {
        let event_type = CallEventType::ALL.get(kind % 6).copied().unwrap_or(CallEventType::Started);
        let event_type = if kind == 39 { CallEventType::Erased } else { event_type };
        let mut data = CallData::default();
        data.created_at = created.map(Date);
        data.updated_at = updated.map(Date);
        data.version = version;
        for (column, number) in claims {
            if event_type.may_claim(column) {
                data.claim(column, value(column, number));
            }
        }
        CallEvent {
            id: "1".into(),
            source: "s".into(),
            event_type,
            key: CallKey { project: ProjectId(Uuid::nil()), call: CallId(Uuid::nil()) },
            time: Timestamp(time * 1000),
            extensions: Vec::new(),
            data,
        }
    })
}

fn state(event: &CallEvent) -> CallState {
    let hash = event.encode().iter().fold(7_u128, |hash, byte| hash.wrapping_mul(31).wrapping_add(u128::from(*byte)));
    CallState::of(event.clone(), hash)
}

fn joined(states: impl IntoIterator<Item = CallState>) -> Option<CallState> {
    states.into_iter().reduce(|mut state, other| {
        let before = state.encode();
        let merged = state.merge(other);
        assert_eq!(merged.changed, before != state.encode(), "a merge says whether it changed anything");
        state
    })
}

proptest! {
    #[test]
    fn every_order_repetition_and_split_gives_the_same_bytes(
        events in proptest::collection::vec(event(), 1..8),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        split in any::<prop::sample::Index>(),
        keys in proptest::collection::vec(any::<u8>(), 8),
    ) {
        let expected = joined(events.iter().map(state)).expect("one event at least").encode();
        let mut shuffled: Vec<(u8, &CallEvent)> = keys.into_iter().zip(&events).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let mut history: Vec<&CallEvent> = shuffled.into_iter().map(|(_, event)| event).collect();
        history.extend(order.iter().map(|index| index.get(&events)));
        let (left, right) = history.split_at(split.index(history.len()));
        let parts = [left, right].map(|part| joined(part.iter().copied().map(state)));
        let folded = joined(parts.into_iter().flatten()).expect("one event at least");
        prop_assert_eq!(&folded.encode(), &expected);
        prop_assert_eq!(CallState::decode(&expected), Ok(folded));
    }
}

/// The status that the call shows after these events: type, status and second of each.
fn status_after(events: &[(CallEventType, Option<&str>, i64)]) -> String {
    let states = events.iter().map(|(event_type, status, second)| {
        let mut data = CallData::default();
        if let Some(status) = status {
            data.claim(Column::Status, Value::text(*status));
        }
        state(&CallEvent {
            id: "1".into(),
            source: "s".into(),
            event_type: *event_type,
            key: CallKey { project: ProjectId(Uuid::nil()), call: CallId(Uuid::nil()) },
            time: Timestamp(second * 1_000_000),
            extensions: Vec::new(),
            data,
        })
    });
    let Some(CallState::Live(call)) = joined(states) else { panic!("nobody erased it") };
    call.claimed(Column::Status).and_then(Value::as_text).expect("a status").to_owned()
}

#[test]
fn running_is_no_outcome_whatever_event_says_it() {
    use CallEventType::{Abandoned, Completed, Failed, Recorded, Started};
    let running = (Recorded, Some("Running"), 100);
    assert_eq!(status_after(&[running]), "Running");
    assert_eq!(status_after(&[running, (Abandoned, None, 50)]), "Abandoned");
    assert_eq!(status_after(&[running, (Failed, None, 50)]), "Error");
    assert_eq!(status_after(&[running, (Recorded, Some("Success"), 50)]), "Success");
    assert_eq!(status_after(&[(Completed, Some("Running"), 100), (Abandoned, None, 50)]), "Abandoned");
    assert_eq!(status_after(&[(Abandoned, None, 50), (Started, None, 100), (Completed, None, 60)]), "Success");
}
