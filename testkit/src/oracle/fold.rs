//! What a call shows by its events, worked out from scratch.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::amount;
use super::columns::{ANNOTATED, CLAIMS, Empty};
use super::event::{Event, EventKind};

/// What a field shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    Json(Value),
    NanoUsd(i128),
}

/// A call as it is shown.
pub(super) type Row = BTreeMap<&'static str, Shown>;

/// The row of a call that had exactly these events; none when nothing of it is shown.
pub(super) fn row(events: &[&Event]) -> Option<Row> {
    let told: BTreeSet<EventKind> = events.iter().map(|event| event.kind.told()).collect();
    if told.contains(&EventKind::Erased) || told.iter().all(|kind| *kind == EventKind::Annotated) {
        return None;
    }
    let first = events.first()?;
    let mut row = Row::new();
    let mut show = |name, value| row.insert(name, Shown::Json(value));
    show("_id", json!(first.call.call));
    show("projectId", json!(first.call.project));
    show("deletedAt", Value::Null);
    let created = events.iter().filter(|event| event.kind != EventKind::Annotated);
    show("createdAt", json!(created.map(|event| date(event, "createdAt")).min()));
    show("updatedAt", json!(events.iter().map(|event| date(event, "updatedAt")).max()));
    let versions = events.iter().filter_map(|event| event.data.get("version")?.as_i64());
    show("version", json!(versions.max().unwrap_or_else(|| i64::try_from(told.len()).unwrap_or(i64::MAX))));
    for (group, empty) in CLAIMS {
        for name in group {
            let value = match claimed(events, group, name) {
                None if *name == "durationMs" => time_between(&row),
                value => value.unwrap_or_default(),
            };
            row.insert(name, shown(value, empty));
        }
    }
    Some(row)
}

/// A date that an event names, else its own time.
fn date(event: &Event, name: &str) -> String {
    event.data.get(name).and_then(Value::as_str).unwrap_or(&event.time).to_owned()
}

/// The value of one field of a group, by the event that wins the group; none when no event claims it.
fn claimed(events: &[&Event], group: &[&str], name: &str) -> Option<Value> {
    let claims = events.iter().filter_map(|event| {
        let (rank, values) = claim(event, group)?;
        Some(((rank, &event.time), values))
    });
    let (_, values) = claims.max_by(|(left, _), (right, _)| left.cmp(right))?;
    Some(values.get(name).cloned().unwrap_or_default())
}

/// What an event claims of a group, and with which rank.
fn claim(event: &Event, group: &[&str]) -> Option<(u8, BTreeMap<String, Value>)> {
    let may = |name: &str| match event.kind {
        EventKind::Annotated => ANNOTATED.contains(&name),
        EventKind::Abandoned | EventKind::Erased => false,
        _ => true,
    };
    let named = group.iter().filter(|name| may(name)).filter_map(|name| {
        let value = event.data.get(*name)?;
        // For a status, null is the same as absent.
        (*name != "status" || !value.is_null()).then(|| ((*name).to_owned(), value.clone()))
    });
    let mut values: BTreeMap<String, Value> = named.collect();
    if let (true, Some(status)) = (group.contains(&"status"), event.kind.status()) {
        values.entry("status".to_owned()).or_insert_with(|| json!(status));
    }
    if !values.is_empty() {
        // Running is no outcome, whatever event says it.
        let is_running = values.get("status").is_some_and(|status| status == "Running");
        let rank = if is_running { EventKind::Started.rank() } else { event.kind.rank() };
        return Some((rank, values));
    }
    let own_time = match event.kind {
        EventKind::Started => "requestStartedAt",
        EventKind::Completed | EventKind::Failed => "requestCompletedAt",
        _ => return None,
    };
    group.contains(&own_time).then(|| (0, BTreeMap::from([(own_time.to_owned(), json!(event.time))])))
}

fn shown(value: Value, empty: Empty) -> Shown {
    match (value, empty) {
        (Value::Null, Empty::Null) => Shown::Json(Value::Null),
        (Value::Null, Empty::False) => Shown::Json(json!(false)),
        (Value::Null, Empty::Zero) => Shown::Json(json!(0)),
        (Value::Null, Empty::NoCents) => Shown::NanoUsd(0),
        (value, Empty::NoCents) => {
            Shown::NanoUsd(amount::nano_usd(&value.to_string()).expect("amounts are sent with few decimals"))
        }
        (value, _) => Shown::Json(value),
    }
}

/// Milliseconds from start to completion; null when one is missing or they are the wrong way round.
fn time_between(row: &Row) -> Value {
    let instant = |name| match row.get(name) {
        Some(Shown::Json(Value::String(text))) => Some(millis(text)),
        _ => None,
    };
    match (instant("requestStartedAt"), instant("requestCompletedAt")) {
        (Some(start), Some(end)) if start <= end => json!(end - start),
        _ => Value::Null,
    }
}

/// Reads an instant as events carry them here.
pub(super) fn millis(text: &str) -> i64 {
    let instant: DateTime<Utc> = text.parse().expect("instants are sent in one form");
    instant.timestamp_millis()
}

/// An instant as events carry them here.
pub(crate) fn instant(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::super::ledger::CallName;
    use super::*;

    fn event(kind: EventKind, second: i64, data: &Value) -> Event {
        let data = data.as_object().cloned().unwrap_or_default();
        let call = CallName { project: "p".to_owned(), call: "c".to_owned() };
        Event { kind, call, time: instant(second * 1000), data, word: String::new() }
    }

    fn field(events: &[Event], name: &str) -> Value {
        let row = row(&events.iter().collect::<Vec<_>>()).expect("a row");
        match row.get(name) {
            Some(Shown::Json(value)) => value.clone(),
            Some(Shown::NanoUsd(amount)) => json!(amount::cents(*amount)),
            None => panic!("no {name}"),
        }
    }

    #[test]
    fn a_completed_call_has_the_request_of_its_start_and_its_own_outcome() {
        let started = event(EventKind::Started, 10, &json!({"requestPrompt": "why", "modelName": "m"}));
        let completed = event(EventKind::Completed, 12, &json!({"totalTokens": 5, "costInUSDCents": 0.25}));
        for events in [[started.clone(), completed.clone()], [completed, started]] {
            for (name, expected) in [
                ("requestPrompt", json!("why")),
                ("status", json!("Success")),
                ("totalTokens", json!(5)),
                ("cachedInputTokens", json!(0)),
                ("costInUSDCents", json!("0.25")),
                ("durationMs", json!(2000)),
                ("version", json!(2)),
                ("createdAt", json!("1970-01-01T00:00:10.000Z")),
                ("updatedAt", json!("1970-01-01T00:00:12.000Z")),
            ] {
                assert_eq!(field(&events, name), expected, "{name}");
            }
        }
    }

    #[test]
    fn a_later_outcome_and_an_annotation_win_field_by_field_and_null_empties() {
        let first = event(EventKind::Failed, 1, &json!({"statusMessage": "late", "feature": "a"}));
        let second = event(EventKind::Completed, 2, &json!({"feature": null}));
        let note = event(EventKind::Annotated, 0, &json!({"wasBilled": true}));
        let events = [first, note, second];
        assert_eq!(field(&events, "status"), json!("Success"));
        assert_eq!(field(&events, "statusMessage"), Value::Null);
        assert_eq!(field(&events, "feature"), Value::Null);
        assert_eq!(field(&events, "wasBilled"), json!(true));
        assert_eq!(field(&events, "createdAt"), json!("1970-01-01T00:00:01.000Z"));
    }

    #[test]
    fn a_call_that_is_recorded_as_running_is_ended_by_an_earlier_outcome() {
        let recorded = event(EventKind::Recorded, 5, &json!({"status": "Running", "feature": "a"}));
        let failed = event(EventKind::Failed, 1, &json!({"feature": "b"}));
        let events = [recorded, failed];
        assert_eq!(field(&events, "status"), json!("Error"));
        assert_eq!(field(&events, "feature"), json!("a"));
    }

    #[test]
    fn erased_calls_and_calls_that_are_only_annotated_are_not_shown() {
        let note = event(EventKind::Annotated, 1, &json!({"feature": "a"}));
        assert_eq!(row(&[&note]), None);
        let whole = event(EventKind::Recorded, 2, &json!({"status": "Success"}));
        assert!(row(&[&note, &whole]).is_some());
        let erased = event(EventKind::Erased, 0, &json!({}));
        assert_eq!(row(&[&note, &erased, &whole]), None);
    }
}
