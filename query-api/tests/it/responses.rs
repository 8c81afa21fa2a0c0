use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use query_api::Compat;
use schemas::positions::Positions;
use schemas::reader::ReadError;
use serde_json::json;

use crate::memory_reader::{MemoryReader, log};
use crate::server::{READER, Server, calls, reference};

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("(none)", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn unknown_pages_are_named_in_the_form_of_the_reference_server() {
    let server = Server::new(Compat::Docs);
    for (method, path) in [("PUT", "/api/llm-log"), ("GET", "/api/llm-log/count"), ("GET", "/Nowhere")] {
        let answered = server.request(method, &format!("{path}?a=b"), &[("ApiKey", READER)], &json!(null)).await;
        assert_eq!(answered.status, 404);
        assert_eq!(answered.json(), json!({"message": format!("Page not found - {path}")}));
    }
    let answered = server.request("PATCH", "/api/llm-log", &[], &json!({})).await;
    assert_eq!(answered.status, 404);
    assert_eq!(header(&answered.headers, "content-type"), "text/html; charset=utf-8");
    assert!(answered.text.contains("<pre>Cannot PATCH /api/llm-log</pre>"), "{}", answered.text);
}

#[tokio::test]
async fn answers_say_their_positions() {
    let server = Server::new(Compat::Docs);
    let answered = server.post("get-list", &json!({})).await;
    let positions = Positions::parse(header(&answered.headers, "llm-log-positions")).expect("a token");
    assert_eq!(positions.log, log());
    assert_eq!(positions.partitions.len(), 4);
    assert_eq!(positions.reference, Some(reference().next()));
    assert_eq!(header(&answered.headers, "llm-log-lag-ms"), "0");
}

#[tokio::test]
async fn a_read_that_fails_says_why_without_saying_too_much() {
    let reader = Arc::new(MemoryReader::new(calls()));
    let server = Server::over(Compat::Docs, reader.clone());
    let partitions = BTreeSet::from([2, 5]);
    for (error, status, retry_after, text) in [
        (
            ReadError::Timeout { part: "the full-text search".to_owned() },
            504,
            "(none)",
            "the query took longer than its time limit, in the full-text search",
        ),
        (ReadError::Busy { retry_after: Duration::from_millis(200) }, 503, "1", "too many queries are being answered"),
        (ReadError::Busy { retry_after: Duration::from_secs(3) }, 503, "3", "too many queries are being answered"),
        (ReadError::Unavailable { partitions }, 503, "1", "nobody serves the partitions 2, 5"),
        (ReadError::Unavailable { partitions: BTreeSet::new() }, 503, "1", "no projector can be reached"),
        (
            ReadError::Refused { reason: "a* stands for too many words".to_owned() },
            400,
            "(none)",
            "a* stands for too many words",
        ),
        (
            ReadError::Internal { reason: "/data/index: checksum".to_owned() },
            500,
            "(none)",
            "The server could not read its index.",
        ),
    ] {
        reader.fail(error);
        for path in ["get-list", "count", "stats"] {
            let answered = server.post(path, &json!({})).await;
            assert_eq!(answered.status, status);
            assert_eq!(answered.json(), json!({ "error": text }));
            assert_eq!(header(&answered.headers, "retry-after"), retry_after);
            assert_eq!(header(&answered.headers, "llm-log-positions"), "(none)");
        }
    }
}
