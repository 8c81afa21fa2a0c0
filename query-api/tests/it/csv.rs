use std::sync::Arc;

use query_api::Compat;
use serde_json::json;

use crate::memory_reader::{MemoryReader, call};
use crate::server::{INCIDENT, NOW, PROJECT, Server, id};

#[tokio::test]
async fn a_list_comes_as_csv_when_asked_for() {
    let body = json!({
        "query": {"_id": [id(1), id(6)]},
        "select": {"status": 1, "requestPrompt": 1, "projectId": 1, "isGlobalProvider": 1, "costInUSDCents": 1, "incident": {"title": 1}},
        "sort": {"_id": 1},
    });
    for (compat, lines) in [
        (
            Compat::Docs,
            [
                r#""_id","status","requestPrompt","projectId","isGlobalProvider","costInUSDCents","incident""#
                    .to_owned(),
                format!(r#""{}","Error","[user]: refund order 1","{PROJECT}",false,0.125,"#, id(1)),
                format!(
                    r#""{}","Success","[user]: refund order 6","{PROJECT}",false,0.75,"{{""_id"":""{INCIDENT}"",""title"":""DB down""}}""#,
                    id(6)
                ),
            ],
        ),
        (
            Compat::OneUptime,
            [
                r#""_id","projectId","isGlobalProvider","costInUSDCents","status","requestPrompt","incident""#
                    .to_owned(),
                format!(
                    r#""{}","{{""_type"":""ObjectID"",""value"":""{PROJECT}""}}",false,0.125,"Error","[user]: refund order 1","#,
                    id(1)
                ),
                format!(
                    r#""{}","{{""_type"":""ObjectID"",""value"":""{PROJECT}""}}",false,0.75,"Success","[user]: refund order 6","{{""_id"":""{INCIDENT}"",""title"":""DB down""}}""#,
                    id(6)
                ),
            ],
        ),
    ] {
        let answered = Server::new(compat).post("get-list?output-type=csv", &body).await;
        assert_eq!(answered.status, 200, "{}", answered.text);
        assert_eq!(answered.headers["content-type"], "text/csv; charset=utf-8");
        assert!(answered.headers.contains_key("llm-log-positions"));
        assert_eq!(answered.text.lines().collect::<Vec<_>>(), lines);
    }
}

#[tokio::test]
async fn csv_keeps_quotes_and_line_breaks_and_an_empty_list_is_its_names() {
    let text = "say \"no\",\r\nthen = 1";
    let quotes = call(
        &json!({"_id": id(1), "createdAt": NOW, "projectId": PROJECT, "status": "Success", "requestPrompt": text}),
    );
    let server = Server::over(Compat::Docs, Arc::new(MemoryReader::new(vec![quotes])));
    let select = json!({"requestPrompt": true, "feature": true});
    let answered = server.post("get-list?output-type=csv", &json!({ "select": select })).await;
    let cell = "\"say \"\"no\"\",\r\nthen = 1\"";
    assert_eq!(answered.text, format!("\"_id\",\"requestPrompt\",\"feature\"\n\"{}\",{cell},", id(1)));
    let nothing = json!({"query": {"status": "?"}, "select": select});
    let answered = server.post("get-list?output-type=csv", &nothing).await;
    assert_eq!(answered.summary(), (200, "\"_id\",\"requestPrompt\",\"feature\""));
    // What is refused is said in JSON, and other types of output are no CSV.
    assert_eq!(server.post("get-list?output-type=csv&limit=101", &json!({})).await.status, 400);
    assert_eq!(server.post("get-list?output-type=xml", &nothing).await.json()["count"], 0);
}
