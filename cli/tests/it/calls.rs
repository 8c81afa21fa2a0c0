//! Calls to publish, as LLM Log objects.

use std::ops::Range;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::Client;
use uuid::Uuid;

/// Limits of ingest that nobody here reaches.
pub(crate) const NO_LIMITS: [&str; 4] = ["--project-events-per-second", "1000000", "--project-burst-events", "1000000"];

/// The id of the call with this number.
pub(crate) fn call_id(number: usize) -> String {
    Uuid::from_u128(0xca11_0000_0000_4000_8000_0000_0000_0000 + number as u128).to_string()
}

/// A call that is told whole. Its prompt has its number as a word.
pub(crate) fn call(number: usize) -> Value {
    let (minute, second) = (number / 60 % 60, number % 60);
    json!({
        "_id": call_id(number),
        "createdAt": format!("2026-03-{:02}T{:02}:{minute:02}:{second:02}.000Z", 1 + number / 86_400 % 28, number / 3600 % 24),
        "status": if number.is_multiple_of(7) { "Error" } else { "Success" },
        "modelName": if number.is_multiple_of(3) { "gpt-4o" } else { "claude-3-haiku" },
        "totalTokens": 100 + number % 50,
        "costInUSDCents": 0.25,
        "requestPrompt": format!("Where is the parcel {number}?"),
        "responsePreview": "It is on its way.",
    })
}

/// Calls as a file of lines.
pub(crate) fn lines(numbers: Range<usize>) -> String {
    numbers.map(|number| call(number).to_string() + "\n").collect()
}

/// Publishes calls in one request; whether they were acknowledged, and not put off.
pub(crate) async fn publish(client: &Client, numbers: Range<usize>) -> Result<bool> {
    let events: Vec<Value> = numbers.map(call).collect();
    let answer = client.post("/v1/events", &json!(events)).await?;
    assert!(matches!(answer.status, 200 | 429), "{}: {}", answer.status, answer.text());
    Ok(answer.status == 200)
}
