use query_api::Compat;
use serde_json::json;

use crate::server::{KEYS, MASTER, OTHER_PROJECT, READER, Server};

const LOGIN: &str = r#"{"error":"Authenticated user or a valid API key is needed to read record of LLM Log."}"#;
const SESSION: &str = r#"{"message":"AccessToken is invalid or expired. Please refresh your token."}"#;
const INVALID: &str = r#"{"error":"Invalid API Key"}"#;
/// Status and text of an answer.
type Expected = (u16, &'static str);
type Headers<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn a_key_is_good_until_the_instant_at_which_it_expires() {
    let server = Server::new(Compat::Docs);
    for (name, expected) in
        [("expired", (400, INVALID)), ("revoked", (400, INVALID)), ("not yet expired", (200, r#"{"count":12}"#))]
    {
        let key = KEYS.iter().find(|(known, ..)| *known == name).expect("a key").1;
        let answered = server.request("POST", "/api/llm-log/count", &[("ApiKey", key)], &json!({})).await;
        assert_eq!(answered.summary(), expected, "{name}");
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
