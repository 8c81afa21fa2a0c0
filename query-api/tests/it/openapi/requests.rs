use query_api::Compat;
use schemas::model::Column;
use serde_json::{Value as Json, json};

use super::description;
use crate::server::{GLOBAL_PROVIDER, INCIDENT, PROJECT, PROVIDER, Server, USER, id};

/// Columns of every type and with every rule of their own.
const COLUMNS: [&str; 15] = [
    "_id",
    "createdAt",
    "deletedAt",
    "project",
    "projectId",
    "llmProvider",
    "isGlobalProvider",
    "totalTokens",
    "costInUSDCents",
    "status",
    "requestPrompt",
    "incident",
    "user",
    "deletedByUserId",
    "ownSearch",
];

const OPERATORS: [&str; 25] = [
    "EqualTo",
    "NotEqual",
    "EqualToOrNull",
    "IsNull",
    "NotNull",
    "GreaterThan",
    "GreaterThanOrEqual",
    "GreaterThanOrNull",
    "LessThan",
    "LessThanOrEqual",
    "LessThanOrNull",
    "InBetween",
    "Includes",
    "IncludesAll",
    "IncludesNone",
    "Search",
    "StartsWith",
    "EndsWith",
    "NotContains",
    "MultiSearch",
    "FullText",
    "ObjectID",
    "DateTime",
    "Name",
    "Nope",
];

/// Values of every kind, at and beyond every bound.
fn values() -> Vec<Json> {
    let scalars = [
        json!(null),
        json!(true),
        json!("yes"),
        json!(0),
        json!(-1),
        json!(2.0),
        json!(1.5),
        json!(1e-7),
        json!(i32::MAX),
        json!(i64::from(i32::MAX) + 1),
        json!(9e11),
        json!(9.1e11),
        json!(""),
        json!("Error"),
        json!("500"),
        json!("-999999999"),
        json!("a\u{0}b"),
        json!(PROVIDER),
        json!(PROVIDER.to_uppercase()),
        json!("2026-03-01"),
        json!("2026-03-01T06:00:00.123Z"),
        json!("2026-03-01t06:00:60z"),
        json!("0000-01-01T00:00:00+23:59"),
        json!("2026-03-01 06:00"),
        json!("2026-02-30"),
        json!({"_type": "ObjectID", "value": PROVIDER}),
        json!({"_type": "DateTime", "value": "2026-03-01T06:00:00Z"}),
        json!({"_type": "DateTime", "value": "soon"}),
        json!({"_type": "ObjectID"}),
        json!({}),
        json!({"name": "OpenAI Prod"}),
    ];
    let lists = [
        json!([]),
        json!([null]),
        json!(["a", "b"]),
        json!([1, 2]),
        json!([true]),
        json!([PROVIDER]),
        json!([{"_type": "ObjectID", "value": PROVIDER}, PROVIDER]),
        json!(["2026-03-01", {"_type": "DateTime", "value": "2026-03-01T06:00:00Z"}]),
        json!([["a"]]),
    ];
    scalars.into_iter().chain(lists).collect()
}

/// Everything that a query may try to say of a column.
fn conditions() -> Vec<Json> {
    let mut conditions = values();
    for operator in OPERATORS {
        conditions.push(json!({ "_type": operator }));
        for value in values() {
            conditions.push(json!({ "_type": operator, "value": value }));
            conditions.push(json!({ "_type": operator, "startValue": value, "endValue": value }));
            conditions.push(json!({ "_type": operator, "value": "a", "fields": value }));
        }
        for fields in [json!(["requestPrompt"]), json!(["status", "totalTokens"]), json!(["deletedByUserId"])] {
            conditions.push(json!({ "_type": operator, "value": "a", "fields": fields }));
        }
    }
    let fields = ["_id", "name", "isGlobalLlm", "email", "twoFactorAuthEnabled", "incidentNumber", "title", "slug"];
    for (field, value) in fields.into_iter().flat_map(|field| values().into_iter().map(move |value| (field, value))) {
        conditions.push(json!({ field: { "_type": "Search", "value": value } }));
        conditions.push(json!({ field: value }));
    }
    conditions
}

/// Sends each body that the description lets a client send. Says how many there were.
async fn all_are_answered(compat: Compat, schema: &str, page: &str, bodies: impl IntoIterator<Item = Json>) -> usize {
    let (schema, server) = (description(compat).named(schema), Server::new(compat));
    let mut valid = 0;
    for body in bodies {
        if schema.is_valid(&body) {
            let answered = server.post(page, &body).await;
            assert_eq!(answered.status, 200, "{page} {body}: {}", answered.text);
            valid += 1;
        }
    }
    valid
}

#[tokio::test]
async fn whatever_the_description_lets_a_query_say_is_answered() {
    let conditions = conditions();
    let mut valid = Vec::new();
    for column in COLUMNS {
        let queries = conditions.iter().map(|condition| json!({ "query": { column: condition } }));
        let found = all_are_answered(Compat::Docs, "CountRequest", "count", queries).await;
        valid.push((column, found));
    }
    for (column, found) in valid {
        let is_of_nobody = column == "deletedByUserId";
        assert_eq!(found == 0, is_of_nobody, "{column}: {found} conditions are described");
    }
}

#[tokio::test]
async fn whatever_the_description_lets_a_list_and_an_item_ask_for_is_answered() {
    let columns = Column::ALL.map(Column::name);
    let names = columns.into_iter().chain(["id", "nope", "_relevance"]);
    let wanted = values().into_iter().chain([
        json!({"_id": false}),
        json!({"name": true, "nope": true}),
        json!({"title": true, "incidentNumber": false}),
        json!({"email": 1}),
        json!({"name": {"x": true}}),
        json!({"direction": "DESC", "nulls": "FIRST"}),
        json!({"direction": -1}),
        json!({"direction": null}),
        json!({"nulls": "middle"}),
        json!("DESC"),
        json!("asc"),
        json!(1),
    ]);
    let ranked = json!({ "x": { "_type": "FullText", "value": "refund" } });
    let mut bodies = Vec::new();
    for (name, value) in names.flat_map(|name| wanted.clone().map(move |value| (name, value))) {
        bodies.push(json!({ "select": { name: value } }));
        let is_relation = Column::ALL.iter().any(|column| column.name() == name && column.relation().is_some());
        let select = if is_relation { json!({ name: true }) } else { json!({}) };
        bodies.push(json!({ "select": select, "sort": { "status": -1, name: value }, "query": ranked }));
    }
    let mut pages = Vec::new();
    for (name, value) in ["skip", "limit", "groupBy", "select", "sort", "query", "data"].into_iter().flat_map(|name| {
        let more = [json!(100), json!(101), json!(10_000), json!(10_001), json!(9_007_199_254_740_991_i64)];
        values().into_iter().chain(more).map(move |value| (name, value))
    }) {
        pages.push(json!({ name: value }));
    }
    let item = format!("{}/get-item", id(6));
    for compat in [Compat::Docs, Compat::OneUptime] {
        assert!(all_are_answered(compat, "ListRequest", "get-list", pages.clone()).await > 10);
        assert!(all_are_answered(compat, "ItemRequest", &item, pages.clone()).await > 10);
    }
    assert!(all_are_answered(Compat::Docs, "ListRequest", "get-list", bodies.clone()).await > 200);
    assert!(all_are_answered(Compat::Docs, "ItemRequest", &item, bodies).await > 300);
}

#[tokio::test]
async fn whatever_the_description_lets_stats_ask_for_is_answered() {
    let more = [json!(1), json!(10_000), json!(10_001), json!("day"), json!(["day", "status"]), json!(["day", "day"])];
    let values = || values().into_iter().chain(more.clone());
    let bodies = ["groupBy", "limit", "percentiles", "query"]
        .into_iter()
        .flat_map(|name| values().map(move |value| json!({ name: value })));
    assert!(all_are_answered(Compat::Docs, "StatsRequest", "stats", bodies).await > 5);
}

/// What the documentation and the contract show is described.
#[test]
fn what_clients_send_is_described() {
    let schema = description(Compat::Docs).named("ListRequest");
    let uuid = json!({"_type": "ObjectID", "value": PROJECT});
    let queries = [
        json!({"status": "Example status"}),
        json!({"totalTokens": 5, "wasBilled": true, "costInUSDCents": 0.25}),
        json!({"totalTokens": "500"}),
        json!({"statusMessage": null}),
        json!({"status": ["Error", "Success"]}),
        json!({"status": []}),
        json!({"projectId": uuid, "incidentId": [uuid, INCIDENT]}),
        json!({"createdAt": {"_type": "DateTime", "value": "2026-03-01T06:00:00.000Z"}}),
        json!({"createdAt": {"_type": "InBetween", "startValue": "2026-03-01", "endValue": "2026-03-02T00:00:00Z"}}),
        json!({"createdAt": {"_type": "GreaterThan", "value": "2026-03-01T06:00:00Z"}}),
        json!({"durationMs": {"_type": "LessThanOrNull", "value": 10}}),
        json!({"status": {"_type": "NotEqual", "value": "Success"}}),
        json!({"status": {"_type": "EqualToOrNull", "value": "Success"}}),
        json!({"userId": {"_type": "Includes", "value": [{"_type": "ObjectID", "value": USER}]}}),
        json!({"feature": {"_type": "IncludesNone", "value": ["a"]}}),
        json!({"userId": {"_type": "IsNull"}, "alertId": {"_type": "NotNull", "value": true}}),
        json!({"modelName": {"_type": "Search", "value": "gpt"}, "totalTokens": {"_type": "StartsWith", "value": "1"}}),
        json!({"createdAt": {"_type": "EndsWith", "value": "5"}, "feature": {"_type": "NotContains", "value": "%x_"}}),
        json!({"_multiFieldSearch": {"_type": "MultiSearch", "value": "x", "fields": ["requestPrompt", "modelName"]}}),
        json!({"requestPrompt": {"_type": "FullText", "value": "refund AND \"rate limit\" NOT test*"}}),
        json!({"_text": {"_type": "FullText", "value": "refund", "fields": ["responsePreview"]}}),
        json!({"llmProvider": PROVIDER}),
        json!({"llmProvider": [GLOBAL_PROVIDER], "user": null, "incident": {"_type": "NotNull"}}),
        json!({"llmProvider": {"_type": "IncludesNone", "value": [PROVIDER]}}),
        json!({"llmProvider": {"name": "OpenAI Prod"}, "user": {"email": {"_type": "Search", "value": "@"}}}),
        json!({"llmProvider": {"_type": "Search", "value": "cccc"}}),
    ];
    for query in queries {
        let body = json!({ "query": query });
        assert!(schema.is_valid(&body), "{body}");
    }
    for body in [
        json!({"select": {"status": true, "llmProvider": true, "user": {"name": true}}}),
        json!({"sort": {"createdAt": -1}}),
        json!({"sort": {"createdAt": "DESC", "durationMs": {"direction": "ASC", "nulls": "first"}}}),
        json!({"limit": 100, "skip": 0}),
        json!({"cursor": ""}),
    ] {
        assert!(schema.is_valid(&body), "{body}");
    }
    for body in [
        json!({"query": {"nope": 1}}),
        json!({"query": {"deletedByUserId": null}}),
        json!({"query": {"totalTokens": "many"}}),
        json!({"query": {"status": {"_type": "Equals", "value": "x"}}}),
        json!({"select": {"nope": true}}),
        json!({"sort": {"id": 1}}),
        json!({"limit": 101}),
        json!({"groupBy": {"status": true}}),
    ] {
        assert!(!schema.is_valid(&body), "{body}");
    }
}
