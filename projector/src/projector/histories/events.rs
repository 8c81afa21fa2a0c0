//! Made-up events of a few calls of two projects.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};
use testkit::SAMPLE_TEXTS;
use testkit::oracle::{CallName, Event, EventKind};
use uuid::Uuid;

/// Projects, by number.
pub(super) const PROJECTS: u128 = 2;
/// Calls of each project. The projects have the same call ids, which are other calls.
const CALLS: u128 = 3;
/// What an annotation may claim.
const ANNOTATED: [&str; 8] =
    ["incidentId", "alertId", "scheduledMaintenanceId", "aiRunId", "userId", "feature", "costInUSDCents", "wasBilled"];
/// What any other event but an erasure may claim.
const CLAIMED: [&str; 24] = [
    "llmProviderId",
    "llmProviderName",
    "llmType",
    "modelName",
    "isGlobalProvider",
    "totalTokens",
    "completionTokens",
    "cachedInputTokens",
    "cacheCreationTokens",
    "costInUSDCents",
    "wasBilled",
    "statusMessage",
    "feature",
    "requestPrompt",
    "responsePreview",
    "incidentId",
    "alertId",
    "aiRunId",
    "scheduledMaintenanceId",
    "userId",
    "requestStartedAt",
    "requestCompletedAt",
    "durationMs",
    "status",
];

pub(super) fn project(at: u128) -> Uuid {
    Uuid::from_u128(0x70 + at)
}

/// An event of one of the calls, at an instant that says nothing of when it is appended.
pub(super) fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        4 => Just(EventKind::Started),
        4 => Just(EventKind::Completed),
        2 => Just(EventKind::Failed),
        3 => Just(EventKind::Recorded),
        2 => Just(EventKind::Annotated),
        1 => Just(EventKind::Abandoned),
        1 => Just(EventKind::Erased),
    ];
    (0..PROJECTS, 0..CALLS, kind, time()).prop_flat_map(|(project, call, kind, time)| {
        let word = format!("zq{call}k{project}");
        let call =
            CallName { project: self::project(project).to_string(), call: Uuid::from_u128(call + 1).to_string() };
        let data = data(kind, &word);
        data.prop_map(move |data| Event { kind, call: call.clone(), time: time.clone(), data, word: word.clone() })
    })
}

/// An instant of one of three days.
fn time() -> impl Strategy<Value = String> {
    (5u32..8, 0u32..24, 0u32..60)
        .prop_map(|(day, hour, second)| format!("2026-01-{day:02}T{hour:02}:00:{second:02}.250Z"))
}

fn data(kind: EventKind, word: &str) -> BoxedStrategy<Map<String, Value>> {
    let word = word.to_owned();
    let claims = match kind {
        EventKind::Abandoned | EventKind::Erased => return Just(Map::new()).boxed(),
        EventKind::Annotated => subsequence(&ANNOTATED[..], 1..4),
        _ => subsequence(&CLAIMED[..], 0..9),
    };
    let needs_status = kind == EventKind::Recorded;
    let claims = claims.prop_flat_map(move |mut names| {
        if needs_status && !names.contains(&"status") {
            names.push("status");
        }
        names
            .into_iter()
            .map(|name| value(name, kind, &word).prop_map(move |value| (name.to_owned(), value)))
            .collect::<Vec<_>>()
    });
    let own = (option::weighted(0.1, time()), option::weighted(0.1, time()), option::weighted(0.1, 0u32..20));
    let may_have_own = kind != EventKind::Annotated;
    (claims, own)
        .prop_map(move |(claims, (created_at, updated_at, version))| {
            let mut data: Map<String, Value> = claims.into_iter().collect();
            if may_have_own {
                data.extend(created_at.map(|date| ("createdAt".to_owned(), json!(date))));
                data.extend(updated_at.map(|date| ("updatedAt".to_owned(), json!(date))));
                data.extend(version.map(|version| ("version".to_owned(), json!(version))));
            }
            data
        })
        .boxed()
}

/// A value of a column, now and then null, which empties it.
fn value(name: &str, kind: EventKind, word: &str) -> BoxedStrategy<Value> {
    let value = match name {
        "status" => {
            let statuses: &'static [&'static str] = match kind {
                EventKind::Failed => &["Error", "Budget Exceeded"],
                _ => &["Success", "Error", "Running", "Insufficient Balance"],
            };
            return select(statuses).prop_map(Value::from).boxed();
        }
        "isGlobalProvider" | "wasBilled" => any::<bool>().prop_map(Value::from).boxed(),
        "totalTokens" | "completionTokens" | "cachedInputTokens" | "cacheCreationTokens" | "durationMs" => {
            prop_oneof![0u32..5, 0u32..100_000].prop_map(Value::from).boxed()
        }
        "costInUSDCents" => cents().boxed(),
        "modelName" => select(&["gpt-4o", "claude-3-haiku", "qwen2.5:14b"][..]).prop_map(Value::from).boxed(),
        "requestStartedAt" | "requestCompletedAt" => time().prop_map(Value::from).boxed(),
        "requestPrompt" | "responsePreview" | "statusMessage" => text(word),
        "llmProviderName" | "llmType" | "feature" => {
            select(&["OpenAI", "Größe", "日本語", ""][..]).prop_map(Value::from).boxed()
        }
        _ => (0u128..3).prop_map(|id| json!(Uuid::from_u128(0x1d00 + id))).boxed(),
    };
    prop_oneof![9 => value, 1 => Just(Value::Null)].boxed()
}

/// An amount with as many decimals as are kept.
fn cents() -> impl Strategy<Value = Value> {
    (0u32..1000, 0u32..10_000_000).prop_map(|(whole, rest)| {
        serde_json::from_str(&format!("{whole}.{rest:07}")).expect("a decimal number is JSON")
    })
}

/// A text that mostly has the word that only this call has.
fn text(word: &str) -> BoxedStrategy<Value> {
    let word = word.to_owned();
    (0..SAMPLE_TEXTS.len(), 0u8..4)
        .prop_map(move |(sample, place)| {
            let sample = SAMPLE_TEXTS.get(sample).map_or("", |sample| sample.prompt);
            Value::from(match place {
                0 => sample.to_owned(),
                1 => word.clone(),
                2 => format!("{word} {sample}"),
                _ => format!("{sample} ({word})"),
            })
        })
        .boxed()
}
