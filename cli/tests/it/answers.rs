//! Answers of every kind, to the byte, to be compared with those of another time.

use serde_json::{Value, json};
use testkit::Client;

use crate::calls::call_id;

/// What is asked, and what came back: the positions that the answer covers, and its body.
pub(crate) type Answers = Vec<(String, Option<String>, String)>;

/// Asks for calls in several orders, for pages, single calls, counts, sums and words.
pub(crate) async fn answers(client: &Client) -> Answers {
    let fields = [
        "createdAt",
        "updatedAt",
        "version",
        "status",
        "statusMessage",
        "modelName",
        "totalTokens",
        "costInUSDCents",
        "wasBilled",
        "durationMs",
        "requestPrompt",
        "responsePreview",
        "feature",
        "project",
    ];
    let select: Value = fields.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
    let words = |words: &str| json!({"_text": {"_type": "FullText", "value": words}});
    let asked = [
        ("get-list?limit=100", json!({"select": select})),
        ("get-list?limit=100&skip=100", json!({"select": select})),
        ("get-list?limit=50", json!({"select": select, "sort": {"totalTokens": "DESC", "modelName": "ASC"}})),
        ("get-list?limit=50", json!({"select": select, "query": {"status": ["Error", "Running"]}})),
        ("get-list?limit=50", json!({"select": select, "query": words("parcel NOT 7")})),
        ("get-list?limit=50", json!({"select": select, "query": words("\"on its way\"")})),
        ("count", json!({})),
        ("count", json!({"query": {"modelName": "gpt-4o"}})),
        ("stats", json!({"groupBy": ["modelName", "day", "status"], "percentiles": true})),
        ("stats", json!({"groupBy": ["feature"], "query": words("parcel"), "percentiles": true})),
    ];
    let items = [3, 4, 5, 6].map(|number| (format!("{}/get-item", call_id(number)), json!({"select": select})));
    let mut answers = Vec::new();
    for (path, body) in asked.into_iter().map(|(path, body)| (path.to_owned(), body)).chain(items) {
        let answer = client.post(&format!("/api/llm-log/{path}"), &body).await.expect("the server answers");
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
        answers.push((format!("{path} {body}"), answer.header("llm-log-positions"), answer.text()));
    }
    answers
}

/// Tells calls in every way there is: started and completed, annotated, erased, twice.
pub(crate) async fn publish_every_kind(client: &Client) {
    let event = |id: &str, event_type: &str, number: usize, second: u32, data: Value| {
        json!({
            "specversion": "1.0", "id": id, "source": "answers", "type": format!("llm-log.call.{event_type}"),
            "subject": call_id(number), "time": format!("2026-02-03T04:05:{second:02}.678Z"), "data": data,
        })
    };
    let events = json!([
        event("1", "completed", 3, 9, json!({"responsePreview": "Late.", "totalTokens": 9, "costInUSDCents": 0.125})),
        event("2", "started", 3, 1, json!({"modelName": "gpt-4o", "requestPrompt": "Is the parcel late?"})),
        event("3", "annotated", 4, 2, json!({"feature": "Parcels", "wasBilled": true})),
        event("4", "erased", 5, 3, json!({})),
        event("5", "started", 1000, 4, json!({"requestPrompt": "A parcel under way"})),
    ]);
    client.post_ok("/v1/events", &events).await;
    client.post_ok("/v1/events", &events).await;
}
