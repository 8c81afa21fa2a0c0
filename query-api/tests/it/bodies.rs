use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use flate2::Compression;
use flate2::write::GzEncoder;
use query_api::Compat;

use crate::memory_reader::MemoryReader;
use crate::server::{Answered, OTHER_READER, READER, Server, calls};

async fn count(server: &Server, headers: &[(&str, &str)], body: impl Into<Body>) -> (u16, String) {
    let mut request = Request::builder().method("POST").uri("/api/llm-log/count").header("ApiKey", READER);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answered = server.send(request.body(body.into()).expect("a valid request")).await;
    (answered.status.as_u16(), answered.text)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

#[tokio::test]
async fn json_and_forms_are_read() {
    let server = Server::new(Compat::Docs);
    let json = r#"{"query":{"status":"Error"},"query":{"status":"Success","totalTokens":[200,400]}}"#;
    for (content_type, body, count_of) in [
        ("application/json", json, 2),
        ("application/json; charset=UTF-8", json, 2),
        ("application/scim+json", json, 2),
        ("application/json", "\u{feff}{\"query\":{\"status\":\"Error\"}}", 6),
        ("application/json", "", 12),
        ("application/json", "[{\"query\":{\"status\":\"Error\"}}]", 12),
        (
            "application/x-www-form-urlencoded",
            "query[status]=Error&query[totalTokens][_type]=LessThan&query%5BtotalTokens%5D[value]=500",
            2,
        ),
        ("application/x-www-form-urlencoded", "query[totalTokens][]=100&query[totalTokens][]=200", 2),
        ("text/plain", "", 12),
    ] {
        let answered = count(&server, &[("content-type", content_type)], body).await;
        assert_eq!(answered, (200, format!("{{\"count\":{count_of}}}")), "{content_type} {body}");
    }
    assert_eq!(count(&server, &[], json).await, (200, "{\"count\":2}".to_owned()));
}

#[tokio::test]
async fn gzip_is_inflated_and_other_encodings_are_refused() {
    let server = Server::new(Compat::Docs);
    let body = gzip(br#"{"query":{"status":"Error"}}"#);
    let json = ("content-type", "application/json");
    assert_eq!(
        count(&server, &[json, ("content-encoding", "gzip")], body.clone()).await,
        (200, "{\"count\":6}".to_owned())
    );
    let (status, text) = count(&server, &[json, ("content-encoding", "gzip")], "{}").await;
    assert_eq!((status, text.as_str()), (400, r#"{"error":"the body is not gzip, as its content encoding says"}"#));
    assert_eq!(count(&server, &[json, ("content-encoding", "br")], body).await.0, 415);
}

#[tokio::test]
async fn bodies_that_can_not_be_read_are_refused_before_the_key_is_looked_at() {
    let server = Server::new(Compat::Docs);
    for (content_type, body, status) in [
        ("text/plain", "{}", 415),
        ("application/json; charset=utf-16", "{}", 415),
        ("application/json", "{", 400),
        ("application/json", "5", 400),
        ("application/json", "{\"a\":\"\u{1}\"}", 400),
    ] {
        let (got, text) = count(&server, &[("content-type", content_type), ("Authorization", "Bearer x")], body).await;
        assert_eq!(got, status, "{content_type} {body}: {text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(count(&server, &[("content-type", "application/json")], deep).await.0, 400);
}

#[tokio::test]
async fn a_body_beyond_50_mib_is_refused_as_sent_and_as_inflated() {
    let server = Server::new(Compat::Docs);
    let large = vec![b' '; 50 * 1024 * 1024 + 1];
    let text = r#"{"error":"the body is larger than 50 MiB"}"#;
    let zipped = gzip(&large);
    assert!(zipped.len() < 1024 * 1024);
    let json = ("content-type", "application/json");
    let answered = count(&server, &[json, ("content-encoding", "gzip")], zipped).await;
    assert_eq!((answered.0, answered.1.as_str()), (413, text));
    let answered = count(&server, &[json], large).await;
    assert_eq!((answered.0, answered.1.as_str()), (413, text));
}

#[tokio::test]
async fn a_short_body_that_stands_for_a_great_many_values_is_refused() {
    let server = Server::new(Compat::Docs);
    let json = ("content-type", "application/json");
    let zeros = format!(r#"{{"query":{{"totalTokens":[{}0]}}}}"#, "0,".repeat(20 * 1024 * 1024));
    let answered = count(&server, &[json, ("content-encoding", "gzip")], gzip(zeros.as_bytes())).await;
    assert_eq!(answered, (413, r#"{"error":"the body has more than 500000 values"}"#.to_owned()));
    let pairs = "a&".repeat(20 * 1024 * 1024);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let (status, text) = count(&server, &[form, ("content-encoding", "gzip")], gzip(pairs.as_bytes())).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("at most 1000 of them"), "{text}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let reader = Arc::new(MemoryReader::new(calls()));
    let server = Server::with_body_timeout(Compat::Docs, reader, Duration::from_millis(1));
    let never = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let answered = count(&server, &[], never).await;
    assert_eq!(answered, (408, r#"{"error":"the body took too long to arrive"}"#.to_owned()));
}

const MIB: usize = 1024 * 1024;

/// A body of which so much arrives and no more.
fn stalled(mebibytes: usize) -> Body {
    let first = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; mebibytes * MIB]))]);
    Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending()))
}

async fn count_with(server: &Server, key: Option<&str>, body: Body) -> Answered {
    let request = Request::builder().method("POST").uri("/api/llm-log/count");
    let request = match key {
        Some(key) => request.header("ApiKey", key),
        None => request,
    };
    server.send(request.body(body).expect("a valid request")).await
}

#[tokio::test]
async fn bodies_that_take_too_much_memory_are_told_to_come_back_and_leave_others_theirs() {
    let server = Server::new(Compat::Docs);
    let whole = |mebibytes: usize| Body::from(format!("{{}}{}", " ".repeat(mebibytes * MIB)));
    let waiting = [(Some(READER), 49), (Some(READER), 49), (Some(READER), 49), (None, 15)];
    let mut waiting: futures::stream::FuturesUnordered<_> =
        waiting.into_iter().map(|(key, mebibytes)| count_with(&server, key, stalled(mebibytes))).collect();
    assert!(futures::poll!(futures::StreamExt::next(&mut waiting)).is_pending());
    let busy = (503, r#"{"error":"too many large bodies are being read"}"#);
    for (key, mebibytes) in [(Some(READER), 49), (None, 2)] {
        let answered = count_with(&server, key, whole(mebibytes)).await;
        assert_eq!(answered.summary(), busy, "{key:?}");
        assert_eq!(answered.headers["retry-after"], "1");
    }
    assert_eq!(count_with(&server, Some(READER), whole(1)).await.status, 200);
    assert_eq!(count_with(&server, Some(OTHER_READER), whole(12)).await.status, 200);
    // All together.
    waiting.push(count_with(&server, Some(OTHER_READER), stalled(49)));
    assert!(futures::poll!(futures::StreamExt::next(&mut waiting)).is_pending());
    assert_eq!(count_with(&server, Some(OTHER_READER), whole(49)).await.summary(), busy);
    drop(waiting);
    assert_eq!(count_with(&server, Some(OTHER_READER), whole(49)).await.status, 200);
}
