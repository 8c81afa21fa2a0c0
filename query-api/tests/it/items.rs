use query_api::Compat;
use serde_json::json;

use crate::server::{INCIDENT, OTHER_READER, PROVIDER, READER, Server, USER, id};

#[tokio::test]
async fn an_item_is_bare_and_shows_what_was_selected_in_that_order() {
    let server = Server::new(Compat::Docs);
    let select = json!({"select": {
        "incident": {"title": true, "incidentNumber": true}, "durationMs": true, "alert": true, "deletedAt": true, "createdAt": 1, "feature": false,
    }});
    let answered = server.post(&format!("{}/get-item", id(6)), &select).await;
    assert_eq!(
        answered.text,
        format!(
            r#"{{"_id":"{}","incident":{{"_id":"{INCIDENT}","title":"DB down","incidentNumber":null}},"durationMs":42,"alert":null,"deletedAt":null,"createdAt":"2026-03-01T17:00:00.006Z"}}"#,
            id(6)
        )
    );
    let relations =
        json!({"select": {"llmProvider": true, "user": {"twoFactorAuthEnabled": 1, "profilePictureId": true}}});
    let answered = server.post(&format!("{}/get-item", id(1).to_uppercase()), &relations).await;
    assert_eq!(
        answered.json(),
        json!({"_id": id(1), "llmProvider": {"_id": PROVIDER}, "user": {"_id": USER, "twoFactorAuthEnabled": false, "profilePictureId": null}})
    );
}

#[tokio::test]
async fn an_item_that_is_not_there_is_an_empty_object() {
    let server = Server::new(Compat::Docs);
    for path in [format!("{}/get-item", id(999)), format!("{}/get-item/", id(0))] {
        let answered =
            server.request("GET", &format!("/API/LLM-Log/{path}"), &[("ApiKey", READER)], &json!(null)).await;
        assert_eq!(answered.summary(), (200, "{}"), "{path}");
    }
    let headers = [("ApiKey", OTHER_READER)];
    let path = format!("/api/llm-log/{}/get-item", id(1));
    assert_eq!(server.request("GET", &path, &headers, &json!(null)).await.summary(), (200, "{}"));
}

#[tokio::test]
async fn the_same_call_id_is_another_call_in_another_project() {
    let server = Server::new(Compat::Docs);
    let path = format!("/api/llm-log/{}/get-item", id(3));
    let select = json!({"select": {"requestPrompt": true}});
    let own = server.request("POST", &path, &[("ApiKey", READER)], &select).await.json();
    let other = server.request("POST", &path, &[("ApiKey", OTHER_READER)], &select).await.json();
    assert_eq!(own["requestPrompt"], "[user]: refund order 3");
    assert_eq!(other["requestPrompt"], "the secret of the other project");
}

#[tokio::test]
async fn the_id_is_checked_before_the_login_and_after_the_key() {
    let server = Server::new(Compat::Docs);
    let path = "/api/llm-log/not-an-id/get-item";
    let answered = server.request("POST", path, &[], &json!({})).await;
    let text = r#"{"error":"Invalid ID format: \"not-an-id\". Expected a valid UUID (e.g., \"550e8400-e29b-41d4-a716-446655440000\")."}"#;
    assert_eq!(answered.summary(), (400, text));
    let path = format!("/api/llm-log/{}/get-item", id(1));
    let answered = server.request("POST", &path, &[], &json!({"select": {"createdAt": {"_type": "DateTime"}}})).await;
    assert_eq!(answered.summary(), (400, r#"{"error":"Invalid date: undefined"}"#));
    let path = "/api/llm-log/not-an-id/get-item";
    let answered = server.request("POST", path, &[("ApiKey", "x")], &json!({})).await;
    assert_eq!(answered.summary(), (400, r#"{"error":"Invalid API Key"}"#));
}

#[tokio::test]
async fn a_wrong_selection_is_refused_even_of_nothing() {
    let server = Server::new(Compat::Docs);
    for (select, status, text) in [
        (json!({"nope": true}), 400, "Cannot select on \\\"nope\\\""),
        (json!({"deletedByUser": true}), 422, "select on - deletedByUser.\\n                    You need"),
        (json!({"user": "name"}), 400, "select.user: expected true or an object"),
        (
            json!({"user": {"name": {"a": 1}}}),
            400,
            "You cannot query deep relations. Querying deep relations is not supported.",
        ),
        (
            json!({"llmProvider": {"apiKey": true}}),
            400,
            "Column apiKey on LLM Provider does not support read on relation query.",
        ),
        (json!({"incident": {"createdAt": true}}), 422, "You do not have permissions to read Incident on LLM Log."),
    ] {
        let answered = server.post(&format!("{}/get-item", id(999)), &json!({ "select": select })).await;
        assert_eq!(answered.status, status, "{select}");
        assert!(answered.text.contains(text), "{}", answered.text);
    }
}
