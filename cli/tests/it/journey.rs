//! The way of a call, from a producer to every kind of answer. The same on the embedded log and on Kafka.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, wait_until_async};

use crate::binary::{Folder, count};

/// How long what is acknowledged may take to be seen, on a machine that does a lot besides.
pub(crate) const VISIBLE: Duration = Duration::from_mins(1);

const FIRST: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
const SECOND: &str = "67e55044-10b1-426f-9247-bb680e5fe0c9";
const THIRD: &str = "67e55044-10b1-426f-9247-bb680e5fe0ca";

fn event(id: &str, event_type: &str, call: &str, time: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "journey", "type": format!("llm-log.call.{event_type}"),
        "subject": call, "time": time, "data": data,
    })
}

/// Publishes through one client and reads through another, which may be the same; both have a key of one project that
/// has no calls yet.
pub(crate) async fn walk(ingest: &Client, reader: &Client) {
    a_started_call_runs_until_it_is_completed(ingest, reader).await;
    publish_two_more(ingest, reader).await;
    lists(reader).await;
    items_and_counts(reader).await;
    full_text(reader).await;
    sums(reader).await;
}

async fn status(reader: &Client, call: &str) -> Value {
    let select = json!({"select": {"status": true}});
    let item = reader.post_ok(&format!("/api/llm-log/{call}/get-item"), &select).await;
    item.get("status").cloned().unwrap_or_default()
}

pub(crate) async fn a_started_call_runs_until_it_is_completed(ingest: &Client, reader: &Client) {
    let data = json!({"modelName": "gpt-4o", "requestPrompt": "Why was the refund late?"});
    let started = event("1", "started", FIRST, "2026-01-24T10:00:00Z", &data);
    let answer = ingest.post_ok("/v1/events", &started).await;
    let [call, id] = ["/items/0/callId", "/items/0/eventId"].map(|name| answer.pointer(name).and_then(Value::as_str));
    assert_eq!((call, id), (Some(FIRST), Some("1")), "{answer}");
    wait_until_async("the started call runs", VISIBLE, async || status(reader, FIRST).await == "Running").await;

    let data = json!({
        "responsePreview": "A queue was stuck.", "totalTokens": 120, "completionTokens": 20, "costInUSDCents": 0.084,
    });
    let completed = event("2", "completed", FIRST, "2026-01-24T10:00:02.500Z", &data);
    ingest.post_ok("/v1/events", &completed).await;
    wait_until_async("the completed call is a success", VISIBLE, async || status(reader, FIRST).await == "Success")
        .await;
    assert_eq!(count(reader).await, 1, "both events are of one call");
}

async fn publish_two_more(ingest: &Client, reader: &Client) {
    let data = json!({
        "status": "Error", "statusMessage": "429: rate limit reached", "modelName": "claude-3-haiku",
        "requestPrompt": "Summarize the incident.", "durationMs": 40,
    });
    // The third is an LLM Log object instead of an event.
    let events = json!([event("3", "recorded", SECOND, "2026-01-24T11:00:00Z", &data), {
        "_id": THIRD, "createdAt": "2026-01-24T12:00:00.125Z", "status": "Success", "modelName": "gpt-4o",
        "totalTokens": 5, "requestPrompt": "Wo bleibt die Rückerstattung?",
    }]);
    // Twice, as a producer that saw no answer sends it.
    ingest.post_ok("/v1/events", &events).await;
    ingest.post_ok("/v1/events", &events).await;
    wait_until_async("three calls are visible", VISIBLE, async || count(reader).await == 3).await;
}

/// The answer to the letter: the order of keys counts.
async fn text(reader: &Client, path: &str, body: &Value) -> String {
    let answer = reader.post(path, body).await.expect("the server answers");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

async fn lists(reader: &Client) {
    let body = json!({"select": {"createdAt": true, "status": true, "totalTokens": true}});
    let newest = text(reader, "/api/llm-log/get-list?limit=2", &body).await;
    assert_eq!(
        newest,
        format!(
            concat!(
                r#"{{"count":3,"limit":2,"skip":0,"data":["#,
                r#"{{"_id":"{}","createdAt":"2026-01-24T12:00:00.125Z","status":"Success","totalTokens":5}},"#,
                r#"{{"_id":"{}","createdAt":"2026-01-24T11:00:00.000Z","status":"Error","totalTokens":0}}]}}"#
            ),
            THIRD, SECOND
        )
    );
    let body = json!({"sort": {"totalTokens": "DESC"}, "query": {"modelName": "gpt-4o"}});
    let sorted = text(reader, "/api/llm-log/get-list?skip=1", &body).await;
    assert_eq!(sorted, format!(r#"{{"count":2,"limit":10,"skip":1,"data":[{{"_id":"{THIRD}"}}]}}"#));
}

async fn items_and_counts(reader: &Client) {
    let body = json!({"select": {
        "status": true, "durationMs": true, "costInUSDCents": true, "requestPrompt": true, "responsePreview": true,
    }});
    let item = text(reader, &format!("/api/llm-log/{FIRST}/get-item"), &body).await;
    assert_eq!(
        item,
        format!(
            concat!(
                r#"{{"_id":"{}","status":"Success","durationMs":2500,"costInUSDCents":0.084,"#,
                r#""requestPrompt":"Why was the refund late?","responsePreview":"A queue was stuck."}}"#
            ),
            FIRST
        )
    );
    let errors = text(reader, "/api/llm-log/count", &json!({"query": {"status": "Error"}})).await;
    assert_eq!(errors, r#"{"count":1}"#);
}

async fn full_text(reader: &Client) {
    for (words, found) in [
        ("refund", vec![FIRST]),
        ("\"rate limit\"", vec![SECOND]),
        ("ruckerstattung OR stuck", vec![THIRD, FIRST]),
        ("\"limit rate\"", vec![]),
    ] {
        let body = json!({"query": {"_text": {"_type": "FullText", "value": words}}});
        let list = reader.post_ok("/api/llm-log/get-list", &body).await;
        let rows: Vec<Value> = found.iter().map(|id| json!({"_id": id})).collect();
        assert_eq!(list.get("data"), Some(&json!(rows)), "{words}");
    }
}

async fn sums(reader: &Client) {
    let part = |object: &Value| {
        let names = ["calls", "errors", "totalTokens", "completionTokens", "costInUSDCents"];
        json!(names.map(|name| object.get(name)))
    };
    let stats = async |body: Value| {
        let sums = reader.post_ok("/api/llm-log/stats", &body).await;
        let groups = sums.get("groups").and_then(Value::as_array).expect("groups").iter().map(part).collect();
        (part(sums.get("total").expect("a total")), Value::Array(groups))
    };
    let (total, groups) = stats(json!({"groupBy": ["modelName"]})).await;
    assert_eq!(total, json!([3, 1, 125, 20, 0.084]));
    assert_eq!(groups, json!([[2, 0, 125, 20, 0.084], [1, 1, 0, 0, 0]]));
    // With a filter on words no counter has the answer.
    let query = json!({"_text": {"_type": "FullText", "value": "refund"}});
    let (total, _) = stats(json!({"query": query})).await;
    assert_eq!(total, json!([1, 0, 120, 20, 0.084]));
}

#[tokio::test]
async fn what_is_published_is_listed_got_counted_found_and_summed() {
    let folder = Folder::new();
    let key = folder.key().await;
    let server = folder.serve(&[]).await;
    let client = server.client().with_key(key);
    walk(&client, &client).await;
    server.terminate().await.expect("the server stops");
    assert_eq!(folder.verify().await.done(), "calls 3, records 6, differences 0\n");
}
