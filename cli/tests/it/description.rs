//! A running server answers as its `/openapi.json` says.

use serde_json::{Value, json};
use testkit::{Answer, Client, Description, Server};

use crate::binary::{Folder, MASTER_KEY, run};

const CALL: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

async fn description(client: &Client) -> Description {
    let answer = client.get("/openapi.json").await.expect("the server answers");
    Description::new(answer.json().expect("JSON"))
}

#[track_caller]
fn assert_described(description: &mut Description, method: &str, path: &str, answer: &Answer) {
    let found = description.check(method, path, answer);
    assert!(found.is_empty(), "{method} {path}: {found:?} in {} {}", answer.status, answer.text());
}

/// A key of the sample project with all permissions.
async fn sample_key(folder: &Folder, server: &Server) -> String {
    let master_key = folder.text("master-key");
    let mut args =
        vec!["keys", "create", "--project", "sample", "--url", server.url(), "--master-key-file", &master_key];
    for permission in ["ProjectOwner", "CreateLlmLogEvent", "EraseLlmLog"] {
        args.extend(["--permission", permission]);
    }
    run(&args).await.done().trim().to_owned()
}

/// Every column that `/openapi.json` lets a client select, whole.
fn everything(description: &Value) -> Value {
    let columns =
        description.pointer("/components/schemas/Select/properties").and_then(Value::as_object).expect("columns");
    let select = columns.iter().map(|(name, schema)| {
        let fields = schema.pointer("/anyOf/1/properties").and_then(Value::as_object);
        let wanted =
            fields.map_or(json!(true), |fields| fields.keys().map(|field| (field.clone(), json!(true))).collect());
        (name.clone(), wanted)
    });
    select.collect()
}

async fn answers_are_as_described(form: &str) {
    let folder = Folder::new();
    let server = folder.serve(&["--sample", "--compat", form]).await;
    let client = server.client();
    let mut description = description(&client).await;
    let select = everything(&client.get("/openapi.json").await.expect("an answer").json().expect("JSON"));
    let key = sample_key(&folder, &server).await;
    let event = json!({"specversion": "1.0", "source": "t", "type": "llm-log.call.recorded", "subject": CALL, "data": {"status": "x"}});
    let user =
        json!({"specversion": "1.0", "type": "llm-log.reference.user", "subject": CALL, "data": {"name": "Bob"}});
    let all = json!({"select": select});
    let grouped = json!({"groupBy": ["day", "llmProviderId", "userId"], "percentiles": true});
    let item = format!("/api/llm-log/{CALL}/get-item");
    for (method, path, body) in [
        ("POST", "/api/llm-log/get-list?limit=100", &all),
        ("GET", "/api/llm-log/get-list?limit=100&skip=100", &all),
        ("POST", "/api/llm-log/get-list?limit=100&output-type=csv", &all),
        ("POST", "/api/llm-log/get-list", &json!({"query": {"nope": 1}})),
        ("POST", item.as_str(), &all),
        ("GET", "/api/llm-log/x/get-item", &all),
        ("POST", "/api/llm-log/count", &json!({"query": {"x": {"_type": "FullText", "value": "refund"}}})),
        ("POST", "/api/llm-log/stats", &grouped),
        ("POST", "/api/llm-log", &json!({"data": {"status": "x"}})),
        ("PUT", &format!("/api/llm-log/{CALL}"), &json!({"data": {"status": "x"}})),
        ("POST", "/v1/events", &event),
        ("POST", "/v1/events", &json!([event, {}])),
        ("POST", "/v1/reference", &user),
        ("GET", "/v1/keys", &Value::Null),
        ("POST", "/v1/verify", &Value::Null),
        ("GET", "/healthz", &Value::Null),
        ("GET", "/readyz", &Value::Null),
        ("GET", "/metrics", &Value::Null),
        ("GET", "/openapi.json", &Value::Null),
    ] {
        let json = [("Content-Type", "application/json")];
        for client in [client.clone(), client.with_key(&key), client.with_key(MASTER_KEY), client.with_key("x")] {
            let sent = (!body.is_null()).then(|| body.to_string().into_bytes());
            let answer = client.send(method, path, &json, sent).await.expect("the server answers");
            assert_described(&mut description, method, path, &answer);
        }
    }
    let succeeded = &description.described() - &description.unseen();
    let succeeded = succeeded.iter().filter(|(.., status)| status == "200").count();
    assert_eq!(succeeded, 13, "each page that can succeed did, but those that are another method's");
}

#[tokio::test]
async fn a_server_answers_as_it_describes_itself() {
    answers_are_as_described("docs").await;
}

#[tokio::test]
async fn a_server_in_the_reference_form_answers_as_it_describes_itself() {
    answers_are_as_described("oneuptime").await;
}
