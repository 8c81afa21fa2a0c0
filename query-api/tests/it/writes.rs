use query_api::Compat;
use serde_json::{Value as Json, json};

use crate::server::{KEYS, MASTER, READER, Server, id};

/// Method, path, headers, body; status and text of the answer.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Json, (u16, &'a str));

#[tokio::test]
async fn nobody_may_write() {
    let server = Server::new(Compat::Docs);
    let (data, id) = (json!({"data": {"status": "Success"}}), id(1));
    let writes = [
        ("POST", "/api/llm-log".to_owned(), "create"),
        ("POST", "/api/llm-log/".to_owned(), "create"),
        ("PUT", format!("/api/llm-log/{id}/"), "update"),
        ("GET", format!("/api/llm-log/{id}/update-item"), "update"),
        ("POST", format!("/API/llm-log/{id}/Update-Item"), "update"),
        ("DELETE", format!("/api/llm-log/{id}"), "delete"),
        ("GET", format!("/api/llm-log/{id}/delete-item"), "delete"),
        ("POST", format!("/api/llm-log/{id}/delete-item"), "delete"),
    ];
    let good = KEYS.iter().filter(|(name, ..)| !matches!(*name, "expired" | "revoked")).map(|(_, key, ..)| *key);
    for key in good.chain([MASTER]) {
        for (method, path, operation) in &writes {
            let answered = server.request(method, path, &[("ApiKey", key)], &data).await;
            let text = format!(r#"{{"error":"{operation} on LLM Log is not allowed."}}"#);
            assert_eq!(answered.summary(), (422, text.as_str()), "{method} {path}");
        }
    }
    for (method, path, operation) in writes.iter().filter(|(.., operation)| *operation != "create") {
        let answered = server.request(method, path, &[], &data).await;
        let text = format!(
            r#"{{"error":"Authenticated user or a valid API key is needed to {operation} record of LLM Log."}}"#
        );
        assert_eq!(answered.summary(), (401, text.as_str()), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_write_comes_before_who_may_not() {
    let server = Server::new(Compat::Docs);
    let invalid = r#"{"error":"Invalid ID format: \"bad\". Expected a valid UUID (e.g., \"550e8400-e29b-41d4-a716-446655440000\")."}"#;
    let shape = r#"{"error":"Invalid request body. The update payload should be an object of the form { \"data\": { ...fields to update... } }."}"#;
    let empty = r#"{"error":"No fields to update. Please include at least one field to update in the \"data\" object of the request body."}"#;
    let update = format!("/api/llm-log/{}", id(1));
    let key: &[(&str, &str)] = &[("ApiKey", READER)];
    let cases: [Case<'_>; 11] = [
        ("POST", "/api/llm-log", key, json!({}), (400, r#"{"error":"status is required"}"#)),
        ("POST", "/api/llm-log", &[], json!({"data": {"status": ""}}), (400, r#"{"error":"status is required"}"#)),
        ("POST", "/api/llm-log", &[], json!({"data": {"status": "x"}}), (400, r#"{"error":"projectId is required"}"#)),
        (
            "POST",
            "/api/llm-log",
            &[],
            json!({"data": {"status": "x", "projectId": id(1)}}),
            (401, r#"{"error":"Authenticated user or a valid API key is needed to create record of LLM Log."}"#),
        ),
        ("POST", "/api/llm-log", &[("ApiKey", "x")], json!({}), (400, r#"{"error":"Invalid API Key"}"#)),
        ("PUT", "/api/llm-log/bad", key, json!({}), (400, invalid)),
        ("DELETE", "/api/llm-log/bad", &[], json!(null), (400, invalid)),
        ("PUT", &update, &[], json!({"status": "x"}), (400, shape)),
        ("PUT", &update, key, json!({"data": [1]}), (400, shape)),
        ("PUT", &update, key, json!({"data": {}}), (400, empty)),
        ("PUT", &update, key, json!({"data": {"_id": 1, "createdAt": 1, "updatedAt": 1}}), (400, empty)),
    ];
    for (method, path, headers, body, expected) in cases {
        assert_eq!(server.request(method, path, headers, &body).await.summary(), expected, "{method} {path} {body}");
    }
}
