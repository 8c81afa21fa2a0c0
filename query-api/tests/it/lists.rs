use query_api::Compat;
use serde_json::json;

use crate::server::{PROJECT, PROVIDER, READER, Server, id};

#[tokio::test]
async fn the_documented_example_has_the_documented_form() {
    let body = json!({
        "select": {"costInUSDCents": true, "isGlobalProvider": true, "projectId": true, "status": true, "totalTokens": true},
        "query": {"status": "Success"},
        "sort": {"createdAt": -1},
    });
    let answered = Server::new(Compat::Docs).post("get-list?skip=0&limit=2", &body).await;
    assert_eq!(answered.status, 200);
    insta::assert_snapshot!(answered.text, @r#"{"count":6,"limit":2,"skip":0,"data":[{"_id":"00000000-0000-4000-8000-00000000000c","costInUSDCents":1.5,"isGlobalProvider":false,"projectId":"aaaaaaaa-0000-4000-8000-000000000001","status":"Success","totalTokens":1200},{"_id":"00000000-0000-4000-8000-00000000000a","costInUSDCents":1.25,"isGlobalProvider":false,"projectId":"aaaaaaaa-0000-4000-8000-000000000001","status":"Success","totalTokens":1000}]}"#);
}

#[tokio::test]
async fn the_reference_form_wraps_values_and_keeps_the_order_of_the_model() {
    let body = json!({
        "select": {
            "user": {"email": true, "name": true},
            "llmProvider": {"projectId": true, "name": true},
            "status": true, "createdAt": true, "incidentId": true, "projectId": true,
        },
        "sort": {"_id": 1},
    });
    let answered = Server::new(Compat::OneUptime).post("get-list?limit=1", &body).await;
    insta::assert_snapshot!(answered.text, @r#"{"data":[{"_id":"00000000-0000-4000-8000-000000000001","createdAt":{"_type":"DateTime","value":"2026-03-01T12:00:00.001Z"},"projectId":{"_type":"ObjectID","value":"aaaaaaaa-0000-4000-8000-000000000001"},"llmProvider":{"_id":"cccccccc-0000-4000-8000-000000000001","name":"OpenAI Prod","projectId":{"_type":"ObjectID","value":"aaaaaaaa-0000-4000-8000-000000000001"}},"status":"Error","incidentId":null,"user":{"_id":"11111111-0000-4000-8000-000000000001","name":{"_type":"Name","value":"Bob"},"email":{"_type":"Email","value":"bob@example.com"}}}],"count":12,"skip":0,"limit":1}"#);
}

#[tokio::test]
async fn a_list_comes_as_csv_when_asked() {
    let body = json!({
        "select": {"totalTokens": true, "requestPrompt": true, "llmProvider": {"name": true}, "isGlobalProvider": true, "userId": true},
        "query": {"totalTokens": [100, 300]}, "sort": {"_id": 1},
    });
    let url = "get-list?output-type=csv";
    let answered = Server::new(Compat::Docs).post(url, &body).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(answered.headers["content-security-policy"], "default-src 'none'; sandbox");
    assert!(answered.headers.contains_key("llm-log-positions"));
    insta::assert_snapshot!(answered.text, @r#"
    "_id","totalTokens","requestPrompt","llmProvider","isGlobalProvider","userId"
    "00000000-0000-4000-8000-000000000001",100,"[user]: refund order 1","{""_id"":""cccccccc-0000-4000-8000-000000000001"",""name"":""OpenAI Prod""}",false,"11111111-0000-4000-8000-000000000001"
    "00000000-0000-4000-8000-000000000003",300,"[user]: refund order 3",,false,
    "#);
    let answered = Server::new(Compat::OneUptime).post(url, &body).await;
    insta::assert_snapshot!(answered.text, @r#"
    "_id","llmProvider","isGlobalProvider","totalTokens","requestPrompt","userId"
    "00000000-0000-4000-8000-000000000001","{""_id"":""cccccccc-0000-4000-8000-000000000001"",""name"":""OpenAI Prod""}",false,100,"[user]: refund order 1","{""_type"":""ObjectID"",""value"":""11111111-0000-4000-8000-000000000001""}"
    "00000000-0000-4000-8000-000000000003",,false,300,"[user]: refund order 3",
    "#);
    let none = json!({"query": {"status": "nope"}, "select": {"status": true}});
    let answered = Server::new(Compat::Docs).post(url, &none).await;
    assert_eq!(answered.summary(), (200, r#""_id","status""#));
    let answered = Server::new(Compat::Docs).post("get-list?output-type=json", &none).await;
    assert_eq!(answered.json()["data"], json!([]));
}

#[tokio::test]
async fn a_list_without_anything_is_the_ten_newest_by_id_alone() {
    let server = Server::new(Compat::Docs);
    for (method, body) in
        [("GET", json!(null)), ("POST", json!(null)), ("POST", json!({})), ("POST", json!([{"query": {"nope": 1}}]))]
    {
        let answered = server.request(method, "/api/llm-log/get-list", &[("ApiKey", READER)], &body).await;
        assert_eq!(answered.numbers(), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3], "{method} {body}");
        assert_eq!(answered.json()["data"][0], json!({"_id": id(12)}));
        assert_eq!(answered.json()["count"], 12);
    }
}

#[tokio::test]
async fn pages_are_cut_and_echoed() {
    let server = Server::new(Compat::Docs);
    for (url, body, numbers, skip, limit) in [
        ("get-list?skip=2&limit=3", json!({}), vec![10, 9, 8], json!(2), json!(3)),
        ("get-list", json!({"skip": 10, "limit": "5"}), vec![2, 1], json!(0), json!(10)),
        ("get-list?limit=2", json!({"limit": 5}), vec![12, 11], json!(0), json!(2)),
        ("get-list?limit=abc&skip=11", json!({}), vec![1], json!(11), json!(null)),
        ("get-list?skip=9223372036854774784", json!({}), vec![], json!(9_223_372_036_854_774_784_i64), json!(10)),
    ] {
        let answered = server.post(url, &body).await;
        assert_eq!(answered.numbers(), numbers, "{url}");
        let json = answered.json();
        assert_eq!((&json["skip"], &json["limit"], &json["count"]), (&skip, &limit, &json!(12)), "{url}");
    }
}

#[tokio::test]
async fn orders_are_followed_to_the_id() {
    let server = Server::new(Compat::Docs);
    for (sort, first) in [
        (json!({"createdAt": 1}), vec![1, 2, 3]),
        (json!({"status": "ASC", "totalTokens": "DESC"}), vec![11, 9, 7]),
        (json!({"totalTokens": -1, "status": "ASC"}), vec![12, 11, 10]),
        (json!({"durationMs": "ASC"}), vec![1, 2, 3]),
        (json!({"durationMs": "DESC"}), vec![4, 8, 12]),
        (json!({"durationMs": {"direction": "DESC", "nulls": "LAST"}}), vec![11, 10, 9]),
        (json!({"status": "DESC"}), vec![2, 4, 6]),
        (json!({"deletedByUserId": -1}), vec![1, 2, 3]),
    ] {
        let answered = server.post("get-list?limit=3", &json!({ "sort": sort })).await;
        assert_eq!(answered.numbers(), first, "{sort}");
    }
}

#[tokio::test]
async fn the_first_wrong_thing_is_the_one_that_is_named() {
    let server = Server::new(Compat::Docs);
    let nobody: &[(&str, &str)] = &[];
    let none: &[(&str, &str)] = &[("ApiKey", "f1000000-0000-4000-8000-000000000018")];
    let key: &[(&str, &str)] = &[("ApiKey", READER)];
    let tenants: &[(&str, &str)] = &[("ApiKey", READER), ("is-multi-tenant-query", "")];
    let everything = json!({
        "query": {"createdAt": {"_type": "DateTime"}, "nope": 1, "totalTokens": "x"}, "select": {"nope": 1, "status": null},
        "groupBy": {"status": true}, "sort": {"nope": 1},
    });
    let mut body = everything.clone();
    let url = "/api/llm-log/get-list";
    let error = |text: &str| format!("{{\"error\":{}}}", json!(text));
    let expect = async |headers: &[(&str, &str)], url: &str, body: &serde_json::Value, status: u16, start: String| {
        let answered = server.request("POST", url, headers, body).await;
        assert_eq!(answered.status, status, "{}", answered.text);
        assert!(answered.text.starts_with(&start), "{} is not {start}", answered.text);
    };
    expect(nobody, "/api/llm-log/get-list?limit=-1", &body, 400, error("positiveNumber cannot be less than 0")).await;
    expect(nobody, url, &body, 400, error("Invalid date: undefined")).await;
    body["query"]["createdAt"] = json!("2026-03-01");
    for part in ["select", "sort"] {
        let mut typed = body.clone();
        typed[part] = json!({"createdAt": {"_type": "DateTime", "value": "soon"}});
        expect(nobody, url, &typed, 400, error("Invalid date: soon")).await;
    }
    let login = "Authenticated user or a valid API key is needed to read record of LLM Log.";
    expect(nobody, url, &body, 401, error(login)).await;
    expect(none, url, &body, 422, r#"{"error":"You do not have permissions to read LLM Log."#.to_owned()).await;
    expect(tenants, url, &body, 400, error("isMultiTenantRequest not allowed on LLM Log")).await;
    expect(key, url, &body, 400, error("Invalid column on LLM Log - nope. Column does not exist.")).await;
    body["query"].as_object_mut().expect("an object").remove("nope");
    expect(key, url, &body, 400, r#"{"error":"Invalid select clause. Cannot select on \"nope\"."#.to_owned()).await;
    body["select"].as_object_mut().expect("an object").remove("nope");
    expect(key, url, &body, 400, r#"{"error":"Select not supported on status of LLM Log"#.to_owned()).await;
    body["select"] = json!({});
    expect(key, url, &body, 400, error("GroupBy is currently not supported")).await;
    body["groupBy"] = json!({});
    expect(key, url, &body, 400, r#"{"error":"totalTokens: expected a whole number"#.to_owned()).await;
    body["query"] = json!({});
    expect(key, url, &body, 400, error("sort: column nope does not exist on LLM Log")).await;
    body["sort"] = json!([]);
    expect(key, url, &body, 200, "{\"count\":12".to_owned()).await;
}

#[tokio::test]
async fn a_relation_of_another_project_is_null() {
    let server = Server::new(Compat::Docs);
    let headers = [("ApiKey", crate::server::OTHER_READER)];
    let body = json!({"select": {"llmProviderId": true, "llmProvider": {"name": true}, "project": {"name": true}}});
    let answered = server.request("POST", "/api/llm-log/get-list", &headers, &body).await;
    let row = json!({"_id": id(3), "llmProviderId": PROVIDER, "llmProvider": null, "project": {"_id": crate::server::OTHER_PROJECT, "name": "Other"}});
    assert_eq!(answered.json()["data"], json!([row]));
    assert!(!answered.text.contains(PROJECT));
    for name in [json!("OpenAI Prod"), json!({"_type": "Search", "value": "openai"})] {
        let query = json!({"query": {"llmProvider": {"name": name}}});
        let counted = server.request("POST", "/api/llm-log/count", &headers, &query).await;
        assert_eq!(counted.json(), json!({"count": 0}), "{query}");
    }
}
