use query_api::Compat;
use serde_json::json;

use crate::server::{OTHER_READER, Server};

#[tokio::test]
async fn sums_are_per_group_by_calls_and_in_total() {
    let body = json!({"groupBy": ["modelName"], "percentiles": true, "query": {"totalTokens": {"_type": "LessThan", "value": 700}}});
    let answered = Server::new(Compat::Docs).post("stats", &body).await;
    assert_eq!(answered.status, 200);
    insta::assert_snapshot!(answered.text, @r#"{"groups":[{"modelName":"gpt-4o","calls":4,"errors":2,"totalTokens":1600,"completionTokens":16,"cachedInputTokens":0,"cacheCreationTokens":0,"costInUSDCents":2,"durationMs":{"p50":21,"p95":42,"p99":42}},{"modelName":"claude-3-opus","calls":2,"errors":1,"totalTokens":500,"completionTokens":5,"cachedInputTokens":0,"cacheCreationTokens":0,"costInUSDCents":0.625,"durationMs":{"p50":7,"p95":7,"p99":7}}],"groupCount":2,"total":{"calls":6,"errors":3,"totalTokens":2100,"completionTokens":21,"cachedInputTokens":0,"cacheCreationTokens":0,"costInUSDCents":2.625,"durationMs":{"p50":21,"p95":42,"p99":42}}}"#);
}

#[tokio::test]
async fn groups_beyond_the_limit_stay_in_the_total() {
    let server = Server::new(Compat::Docs);
    let answered = server.post("stats", &json!({"groupBy": ["status", "day"], "limit": 1})).await.json();
    assert_eq!(answered["groups"].as_array().map(Vec::len), Some(1));
    assert_eq!(answered["groups"][0]["status"], "Error");
    assert_eq!(answered["groups"][0]["day"], "2026-03-01");
    assert_eq!((&answered["groupCount"], &answered["total"]["calls"]), (&json!(2), &json!(12)));
    assert_eq!(answered["total"]["errors"], 6);
    assert_eq!(answered["total"]["costInUSDCents"], 9.75);
    assert_eq!(answered["total"].get("durationMs"), None);
}

#[tokio::test]
async fn ids_in_groups_take_the_form_of_the_profile() {
    let body = json!({"groupBy": "userId"});
    let docs = Server::new(Compat::Docs).post("stats", &body).await.json();
    let oneuptime = Server::new(Compat::OneUptime).post("stats", &body).await.json();
    assert_eq!(docs["groups"][0]["userId"], json!(null));
    assert_eq!(docs["groups"][1]["userId"], "11111111-0000-4000-8000-000000000001");
    assert_eq!(oneuptime["groups"][1]["userId"]["_type"], "ObjectID");
}

#[tokio::test]
async fn no_groups_and_no_calls_are_sums_of_zero() {
    let server = Server::new(Compat::Docs);
    let answered = server.post("stats", &json!({"query": {"status": "nope"}, "percentiles": true})).await.json();
    assert_eq!((&answered["groups"], &answered["groupCount"]), (&json!([]), &json!(0)));
    assert_eq!(answered["total"]["calls"], 0);
    assert_eq!(answered["total"]["durationMs"], json!({"p50": null, "p95": null, "p99": null}));
}

#[tokio::test]
async fn another_project_has_sums_of_its_own() {
    let server = Server::new(Compat::Docs);
    let answered = server.request("POST", "/api/llm-log/stats", &[("ApiKey", OTHER_READER)], &json!({})).await.json();
    assert_eq!(answered["total"]["calls"], 1);
}

#[tokio::test]
async fn the_number_of_groups_is_checked_before_the_key_and_their_names_after_the_query() {
    let server = Server::new(Compat::Docs);
    let answered = server.request("POST", "/api/llm-log/stats", &[], &json!({"limit": 0, "groupBy": ["x"]})).await;
    assert_eq!(answered.summary(), (400, r#"{"error":"limit: expected a whole number from 1 to 10000"}"#));
    let answered = server.post("stats", &json!({"groupBy": ["x"], "query": {"nope": 1}})).await;
    assert_eq!(answered.summary(), (400, r#"{"error":"Invalid column on LLM Log - nope. Column does not exist."}"#));
    let answered = server.post("stats", &json!({"groupBy": ["x"]})).await;
    let text = r#"{"error":"groupBy: expected an array with some of modelName, llmType, llmProviderId, status, feature, userId, day, each once"}"#;
    assert_eq!(answered.summary(), (400, text));
}
