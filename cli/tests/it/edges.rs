//! HTTP as a client on the wire sees it.

use serde_json::json;

use crate::binary::{Folder, MASTER_KEY};

#[tokio::test]
async fn a_head_is_answered_as_a_get_without_a_body() {
    let folder = Folder::new();
    let server = folder.serve(&[]).await;
    let client = server.client().with_key(MASTER_KEY);
    for path in ["/healthz", "/api/llm-log/get-list", "/API/LLM-Log/Get-List/", "/nowhere"] {
        let get = client.send("GET", path, &[], None).await.expect("the server answers");
        let head = client.send("HEAD", path, &[], None).await.expect("the server answers");
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["content-type", "content-length", "x-content-type-options", "access-control-allow-origin"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_read_answers() {
    let folder = Folder::new();
    let server =
        folder.serve(&["--cors-origin", "https://logs.example", "--cors-origin", "http://localhost:3000"]).await;
    let client = server.client().with_key(MASTER_KEY);
    for (origin, allowed) in [("http://localhost:3000", Some("http://localhost:3000")), ("https://other.example", None)]
    {
        for (method, path) in [
            ("POST", "/api/llm-log/count"),
            ("OPTIONS", "/api/llm-log/count"),
            ("POST", "/v1/events"),
            ("OPTIONS", "/v1/events"),
        ] {
            let answer = client.send(method, path, &[("Origin", origin)], None).await.expect("the server answers");
            assert_eq!(answer.header("access-control-allow-origin").as_deref(), allowed, "{method} {path} {origin}");
            assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_page_of_a_listener_has_an_id_and_comes_compressed() {
    let folder = Folder::new();
    let server = folder.serve(&[]).await;
    let client = server.client().with_key(MASTER_KEY);
    let asked = [("X-Request-Id", "edge-1"), ("Accept-Encoding", "gzip")];
    for (method, path) in [
        ("GET", "/openapi.json"),
        ("POST", "/api/llm-log/count"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/events"),
        ("POST", "/v1/verify"),
        ("GET", "/nowhere"),
    ] {
        let answer = client.send(method, path, &asked, None).await.expect("the server answers");
        assert_eq!(answer.header("x-request-id").as_deref(), Some("edge-1"), "{path}");
        assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        // What is shorter than its compressed form stays as it is.
        let is_compressed = answer.header("content-encoding").as_deref() == Some("gzip");
        assert!(is_compressed || answer.body.len() < 32, "{path}: {}", answer.text());
    }
    let other = client.send("GET", "/v1/events", &[], None).await.expect("the server answers");
    assert_eq!((other.status, other.header("allow").as_deref()), (405, Some("POST")));
    assert_eq!(other.json().expect("JSON"), json!({"error": "/v1/events does not take GET"}));
}
