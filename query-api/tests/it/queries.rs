use query_api::Compat;
use serde_json::{Value as Json, json};

use crate::server::{GLOBAL_PROVIDER, INCIDENT, MASTER, OTHER_PROJECT, OTHER_PROVIDER, PROJECT, Server, USER};

/// Queries and the numbers of the calls that they find.
fn matches() -> Vec<(Json, Vec<u32>)> {
    let all: Vec<u32> = (1..=12).collect();
    let even = vec![2, 4, 6, 8, 10, 12];
    let odd = vec![1, 3, 5, 7, 9, 11];
    vec![
        (json!(null), all.clone()),
        (json!(5), all.clone()),
        (json!([]), all.clone()),
        (json!({"status": "Success"}), even.clone()),
        (json!({"status": "success"}), vec![]),
        (json!({"status": {"_type": "EqualTo", "value": "Success", "extra": 1}}), even.clone()),
        (json!({"status": {"_type": "equalTo", "value": "Success"}}), vec![]),
        (json!({"status": {"a": 1}}), vec![]),
        (json!({"status": ["Success", ["x"], {"a": 1}]}), even.clone()),
        (json!({"status": [["Error"], {"a": 1}]}), odd.clone()),
        (json!({"status": []}), vec![]),
        (json!({"totalTokens": [["500"]]}), vec![5]),
        (json!({"totalTokens": "500"}), vec![5]),
        (json!({"totalTokens": {"_type": "NotEqual", "value": 500}, "status": "Error"}), vec![1, 3, 7, 9, 11]),
        (json!({"isGlobalProvider": "t"}), vec![2, 5, 8, 11]),
        (json!({"isGlobalProvider": 0, "status": "Error"}), vec![1, 3, 7, 9]),
        (json!({"costInUSDCents": 0.625}), vec![5]),
        (json!({"costInUSDCents": {"_type": "GreaterThan", "value": "1.375"}}), vec![12]),
        (json!({"feature": null}), odd.clone()),
        (json!({"feature": {"_type": "IsNull"}}), odd.clone()),
        (json!({"feature": {"_type": "NotNull", "value": null}}), even.clone()),
        (json!({"feature": {"_type": "NotEqual", "value": "zz"}}), even.clone()),
        (json!({"feature": {"_type": "EqualToOrNull", "value": "zz"}}), odd.clone()),
        (json!({"feature": {"_type": "IncludesNone", "value": ["zz"]}}), even.clone()),
        (json!({"feature": {"_type": "IncludesNone", "value": []}}), all.clone()),
        (json!({"feature": {"_type": "Search", "value": " "}}), even.clone()),
        (json!({"status": {"_type": "Includes", "value": ["Success"]}}), even.clone()),
        (json!({"status": {"_type": "IncludesAll", "value": ["Success", "Error"]}}), all.clone()),
        (json!({"status": {"_type": "Includes", "value": "Success"}}), vec![]),
        (json!({"status": {"_type": "Includes"}}), vec![]),
        (json!({"totalTokens": {"_type": "Includes", "value": [100, "200"]}}), vec![1, 2]),
        (json!({"totalTokens": {"_type": "InBetween", "startValue": 200, "endValue": "400"}}), vec![2, 3, 4]),
        (json!({"totalTokens": {"_type": "InBetween", "startValue": 400, "endValue": 200}}), vec![]),
        (json!({"totalTokens": {"_type": "InBetween", "startValue": 400}}), vec![]),
        (json!({"totalTokens": {"_type": "LessThanOrEqual", "value": 200}}), vec![1, 2]),
        (json!({"durationMs": {"_type": "LessThanOrNull", "value": 14}}), vec![1, 4, 8, 12]),
        (json!({"durationMs": {"_type": "GreaterThanOrNull", "value": 70}}), vec![4, 8, 11, 12]),
        (json!({"createdAt": {"_type": "GreaterThanOrEqual", "value": "2026-03-01 22:00"}}), vec![11, 12]),
        (json!({"createdAt": {"_type": "LessThan", "value": "2026-03-01"}}), vec![]),
        (json!({"createdAt": {"_type": "DateTime", "value": "2026-03-01T15:00:00.004+02:00"}}), vec![]),
        (json!({"createdAt": "2026-03-01T15:00:00.004Z"}), vec![4]),
        (json!({"incidentId": {"_type": "ObjectID", "value": INCIDENT.to_uppercase()}}), vec![6]),
        (json!({"incident": INCIDENT}), vec![6]),
        (json!({"incident": {"_type": "NotNull"}}), vec![6]),
        (json!({"user": [{"_type": "ObjectID", "value": USER}]}), vec![1, 2]),
        (json!({"projectId": OTHER_PROJECT}), all.clone()),
        (json!({"projectId": {"_type": "nonsense"}}), all.clone()),
        (json!({"deletedAt": {"_type": "NotNull"}}), vec![]),
        (json!({"deletedAt": {"_type": "NotEqual", "value": "2026-03-01"}}), vec![]),
        (json!({"deletedAt": null}), all.clone()),
        // Relations: found in the reference data of the key's own project only.
        (json!({"llmProvider": {"name": "OpenAI Prod"}}), vec![1, 4, 7, 10]),
        (json!({"llmProvider": {"name": {"_type": "Search", "value": "openai"}}}), vec![1, 4, 7, 10]),
        (json!({"llmProvider": {"name": {"_type": "StartsWith", "value": "glob%"}}}), vec![2, 5, 8, 11]),
        (json!({"llmProvider": {"name": {"_type": "NotContains", "value": "openai"}}}), vec![2, 3, 5, 6, 8, 9, 11, 12]),
        (json!({"llmProvider": {"name": {"_type": "EqualTo", "value": "OpenAI Prod"}}}), vec![]),
        (json!({"llmProvider": {"_id": GLOBAL_PROVIDER, "isGlobalLlm": true}}), vec![2, 5, 8, 11]),
        (json!({"llmProvider": {"_id": OTHER_PROVIDER}}), vec![]),
        (json!({"llmProvider": {"projectId": PROJECT, "name": null}}), vec![1, 4, 7, 10]),
        (json!({"llmProvider": {}}), all.clone()),
        (json!({"incident": {"title": {"_type": "EndsWith", "value": "DOWN"}}}), vec![6]),
        // Full text.
        (json!({"requestPrompt": {"_type": "FullText", "value": "\"order 7\" OR 1*"}}), vec![1, 7, 10, 11, 12]),
        (json!({"q": {"_type": "FullText", "value": "refund limit NOT done"}}), vec![3, 9]),
        (json!({"q": {"_type": "FullText", "value": "limit", "fields": ["requestPrompt"]}}), vec![]),
        (json!({"q": {"_type": "MultiSearch", "value": "", "fields": ["requestPrompt"]}}), all),
    ]
}

#[tokio::test]
async fn queries_find_what_the_contract_says() {
    let server = Server::new(Compat::Docs);
    for (query, numbers) in matches() {
        let body = json!({"query": query, "sort": {"_id": 1}});
        let listed = server.post("get-list?limit=50", &body).await;
        assert_eq!(listed.numbers(), numbers, "{query}");
        let counted = server.post("count", &body).await;
        assert_eq!(counted.json(), json!({"count": numbers.len()}), "{query}");
    }
}

#[tokio::test]
async fn queries_that_mean_nothing_are_refused_with_the_reason() {
    let server = Server::new(Compat::Docs);
    for (query, status, text) in [
        (json!({"id": "x"}), 400, "Invalid column on LLM Log - id. Column does not exist."),
        (json!([{"status": "x"}]), 400, "Invalid column on LLM Log - 0. Column does not exist."),
        (
            json!({"deletedByUserId": "x"}),
            422,
            "You do not have permissions to query on - deletedByUserId. You need any one of these permissions: ",
        ),
        (json!({"_id": "x"}), 400, "_id: expected a UUID such as \"550e8400-e29b-41d4-a716-446655440000\", got \"x\""),
        (
            json!({"totalTokens": {"a": 1}}),
            400,
            "totalTokens: expected a whole number from -2147483648 to 2147483647, got an object",
        ),
        (json!({"totalTokens": {"_type": "EqualTo"}}), 400, "totalTokens: EqualTo needs a value, got null or none"),
        (json!({"feature": {"_type": "NotEqual"}}), 400, "feature: NotEqual needs a value, got null or none"),
        (
            json!({"totalTokens": [["5", "6"]]}),
            400,
            "totalTokens: expected a whole number from -2147483648 to 2147483647, got \"5,6\"",
        ),
        (json!({"createdAt": {"_type": "DateTime", "value": null}}), 400, "Invalid date: undefined"),
        (json!({"totalTokens": {"_type": "Includes", "value": 5}}), 400, "totalTokens: expected an array of values"),
        (json!({"status": ["a", null]}), 400, "status: null can't be one of several values; use IsNull"),
        (
            json!({"createdAt": {"_type": "GreaterThan", "value": {"_type": "DateTime", "value": "2026-03-01"}}}),
            400,
            "createdAt: expected a date such as \"2026-03-01\" or \"2026-03-01T06:00:00.123Z\" (without a zone it is UTC), got an object",
        ),
        (json!({"status": {"_type": "Email", "value": "x"}}), 400, "Email x is not in valid format."),
        (
            json!({"user": {"_type": "Includes", "value": [USER]}}),
            400,
            "user: Includes does not work on a relation; use userId",
        ),
        (json!({"user": {"nope": 1}}), 400, "user: Column nope not found on User"),
        (
            json!({"user": {"name": {"a": 1}}}),
            400,
            "user: You cannot query deep relations. Querying deep relations is not supported.",
        ),
        (
            json!({"incident": {"incidentNumber": "x"}}),
            400,
            "incident.incidentNumber: expected a whole number from -2147483648 to 2147483647, got \"x\"",
        ),
        (
            json!({"q": {"_type": "FullText", "value": "a AND"}}),
            400,
            "q: full-text query at position 6: expected a word, a \"phrase\" or a group in parentheses, found the end",
        ),
        (json!({"q": {"_type": "FullText", "value": 5}}), 400, "q: expected \"value\" to be a string"),
        (
            json!({"q": {"_type": "FullText", "value": "a", "fields": ["status"]}}),
            400,
            "q: FullText searches requestPrompt, responsePreview and statusMessage",
        ),
        (
            json!({"q": {"_type": "FullText", "value": "a", "fields": ["nope"]}}),
            400,
            "Invalid column on LLM Log - nope. Column does not exist.",
        ),
        (
            json!({"status": {"_type": "FullText", "value": "a"}}),
            400,
            "status: FullText searches requestPrompt, responsePreview and statusMessage",
        ),
        (json!({"status": {"_type": "Search", "value": 5}}), 400, "status: expected \"value\" to be a string"),
        (
            json!({"q": {"_type": "FullText", "value": "gpt-*"}}),
            400,
            "q: full-text query at position 5: expected a letter or digit right before the *, found \"-\"",
        ),
        (
            (0..20_000).map(|at| (format!("k{at}"), json!({"_type": "MultiSearch"}))).collect(),
            400,
            "query: expected at most 100 conditions, got 20000",
        ),
    ] {
        let answered = server.post("count", &json!({ "query": query })).await;
        assert_eq!(answered.status, status, "{query}");
        assert_eq!(answered.json(), json!({ "error": text }), "{query}");
    }
}

#[tokio::test]
async fn relevance_orders_full_text_only() {
    let server = Server::new(Compat::Docs);
    let sort = json!({"_relevance": -1});
    let query = json!({"requestPrompt": {"_type": "FullText", "value": "refund"}});
    assert_eq!(server.post("get-list", &json!({"sort": sort, "query": query})).await.status, 200);
    let answered = server.post("get-list", &json!({ "sort": sort })).await;
    assert_eq!(answered.summary(), (400, r#"{"error":"sort._relevance: expected a FullText condition in the query"}"#));
}

#[tokio::test]
async fn the_master_key_sees_every_project_or_the_one_it_names() {
    let server = Server::new(Compat::Docs);
    let count = async |headers: &[(&str, &str)], query: Json| {
        server.request("POST", "/api/llm-log/count", headers, &json!({ "query": query })).await
    };
    let master = ("ApiKey", MASTER);
    assert_eq!(count(&[master], json!({})).await.json(), json!({"count": 13}));
    assert_eq!(count(&[master], json!({"projectId": OTHER_PROJECT})).await.json(), json!({"count": 1}));
    let scoped = [master, ("tenantid", OTHER_PROJECT)];
    assert_eq!(count(&scoped, json!({})).await.json(), json!({"count": 1}));
    assert_eq!(count(&scoped, json!({"projectId": PROJECT})).await.json(), json!({"count": 1}));
    assert_eq!(count(&[master, ("tenantid", "x")], json!({})).await.status, 400);
}
