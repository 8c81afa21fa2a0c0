use query_api::{Compat, openapi};
use serde_json::{Value as Json, json};

use crate::server::{READER, Server, id};

#[test]
fn the_description_is_this() {
    insta::assert_json_snapshot!(openapi(Compat::Docs));
}

#[test]
fn every_schema_that_is_named_is_there() {
    fn names(value: &Json, found: &mut Vec<String>) {
        match value {
            Json::Object(members) => {
                found.extend(members.get("$ref").and_then(Json::as_str).map(str::to_owned));
                members.values().for_each(|value| names(value, found));
            }
            Json::Array(elements) => elements.iter().for_each(|value| names(value, found)),
            _ => {}
        }
    }
    let description = serde_json::to_value(openapi(Compat::Docs)).expect("JSON");
    assert_eq!(description["openapi"], "3.1.0");
    let mut found = Vec::new();
    names(&description, &mut found);
    assert!(!found.is_empty());
    for name in found {
        assert!(description.pointer(name.trim_start_matches('#')).is_some(), "{name}");
    }
}

/// What the description promises is what the server does: no page of it is unknown, and no status undocumented.
#[tokio::test]
async fn every_described_page_answers_with_a_described_status() {
    let server = Server::new(Compat::Docs);
    let description = serde_json::to_value(openapi(Compat::Docs)).expect("JSON");
    let mut pages = 0;
    for (path, methods) in description["paths"].as_object().expect("pages") {
        for (method, operation) in methods.as_object().expect("methods") {
            let url = path.replace("{id}", &id(1));
            for headers in [&[][..], &[("ApiKey", READER)], &[("ApiKey", "x")]] {
                let body = json!({"data": {"status": "x", "projectId": "x"}});
                let answered = server.request(&method.to_uppercase(), &url, headers, &body).await;
                let status = answered.status.as_u16().to_string();
                assert!(operation["responses"].get(&status).is_some(), "{method} {url}: {status} {}", answered.text);
            }
            pages += 1;
        }
    }
    assert_eq!(pages, 13);
}
