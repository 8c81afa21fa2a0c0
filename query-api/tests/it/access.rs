use query_api::Compat;
use serde_json::json;

use crate::server::{KEYS, MASTER, OTHER_PROJECT, READER, Server, id};

const LOGIN: &str = r#"{"error":"Authenticated user or a valid API key is needed to read record of LLM Log."}"#;
const SESSION: &str = r#"{"message":"AccessToken is invalid or expired. Please refresh your token."}"#;
const INVALID: &str = r#"{"error":"Invalid API Key"}"#;
const DOCS: &str = r#"{"error":"You do not have permissions to read LLM Log. You need one of these permissions: Project Owner, Project Admin, Project Member, Read LLM Log, Read All Project Resources"}"#;
const ONEUPTIME: &str = r#"{"error":"You do not have permissions to read LLM Log. You need one of these permissions: Project Owner, Project Admin, Project Member, Viewer, Read LLM Log"}"#;
const BLOCKED: &str =
    r#"{"error":"You are not authorized to read LLM Log because ReadLlmLog is in your team's permission block list."}"#;

/// Status and text of an answer; any text when empty.
type Expected = (u16, &'static str);
type Headers<'a> = &'a [(&'a str, &'a str)];

/// Each kind of key and what it gets of a read, in the documented form and in that of the reference server.
const MATRIX: [(&str, Expected, Expected); 14] = [
    ("read", (200, ""), (200, "")),
    ("owner", (200, ""), (200, "")),
    ("admin", (200, ""), (200, "")),
    ("member", (200, ""), (200, "")),
    ("viewer", (422, DOCS), (200, "")),
    ("read all", (200, ""), (422, ONEUPTIME)),
    ("writer", (422, DOCS), (422, ONEUPTIME)),
    ("unrelated", (422, DOCS), (422, ONEUPTIME)),
    ("none", (422, DOCS), (422, ONEUPTIME)),
    ("blocked", (422, BLOCKED), (422, BLOCKED)),
    ("blocked elsewhere", (200, ""), (200, "")),
    ("expired", (400, INVALID), (400, INVALID)),
    ("not yet expired", (200, ""), (200, "")),
    ("revoked", (400, INVALID), (400, INVALID)),
];

#[tokio::test]
async fn every_kind_of_key_gets_just_what_the_matrix_says_on_every_read() {
    let item = format!("{}/get-item", id(1));
    let reads = [
        ("GET", "get-list"),
        ("POST", "get-list"),
        ("GET", &item),
        ("POST", &item),
        ("POST", "count"),
        ("POST", "stats"),
    ];
    for (name, docs, oneuptime) in MATRIX {
        let key = KEYS.iter().find(|(known, ..)| *known == name).expect("a key").1;
        for (compat, (status, text)) in [(Compat::Docs, docs), (Compat::OneUptime, oneuptime)] {
            let server = Server::new(compat);
            for (method, path) in reads {
                let answered =
                    server.request(method, &format!("/api/llm-log/{path}"), &[("ApiKey", key)], &json!(null)).await;
                assert_eq!(answered.status, status, "{name} {compat:?} {method} {path}: {}", answered.text);
                assert!(text.is_empty() || answered.text == text, "{name} {compat:?} {path}: {}", answered.text);
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_found_by_the_rules_of_the_reference_server() {
    let upper = READER.to_uppercase();
    let padded = format!("  {READER}\t");
    let bare = READER.replace('-', "");
    let cases: &[(Headers<'_>, Expected)] = &[
        (&[], (401, LOGIN)),
        (&[("x-api-key", READER)], (401, LOGIN)),
        (&[("Authorization", "ApiKey x")], (401, LOGIN)),
        (&[("Authorization", "Bearer x")], (401, SESSION)),
        (&[("Cookie", "a=b; user-token=x")], (401, SESSION)),
        (&[("Cookie", "user-token=")], (401, LOGIN)),
        (&[("ApiKey", "")], (400, INVALID)),
        (&[("ApiKey", ""), ("Authorization", "Bearer x")], (400, INVALID)),
        (&[("ApiKey", "not-a-uuid")], (400, INVALID)),
        (&[("ApiKey", &bare)], (400, INVALID)),
        (&[("ApiKey", "f1000000-0000-4000-8000-0000000000ee")], (400, INVALID)),
        (&[("ApiKey", READER), ("ApiKey", READER)], (400, INVALID)),
        (&[("ApiKey", READER), ("Authorization", "Bearer x")], (200, r#"{"count":12}"#)),
        (&[("APIKEY", READER)], (200, r#"{"count":12}"#)),
        (&[("apikey", &upper)], (200, r#"{"count":12}"#)),
        (&[("ApiKey", &padded)], (200, r#"{"count":12}"#)),
        (&[("ApiKey", READER), ("tenantid", OTHER_PROJECT), ("projectid", "garbage")], (200, r#"{"count":12}"#)),
        (&[("ApiKey", MASTER)], (200, r#"{"count":13}"#)),
    ];
    let server = Server::new(Compat::Docs);
    for (headers, expected) in cases {
        let answered =
            server.request("POST", "/api/llm-log/count", headers, &json!({"projectId": OTHER_PROJECT})).await;
        assert_eq!(answered.summary(), *expected, "{headers:?}");
    }
}
