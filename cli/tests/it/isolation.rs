//! What a key sees is the same whether another project exists or not.
//!
//! Two servers hold the same calls of one project. One of them also holds another project, with calls of the same ids
//! and more, and with providers, users and incidents that the first project's calls name. Every request is sent to both
//! with the first project's key, and no letter of the answers may differ.

use schemas::access::ApiKey;
use schemas::model::{Column, Relation};
use serde_json::{Map, Value, json};
use testkit::{Answer, Client, Server, wait_until_async};

use crate::binary::{Folder, MASTER_KEY, count};
use crate::journey::VISIBLE;

const OWN: &str = "5a000000-0000-4000-8000-000000000001";
const OTHER: &str = "5a000000-0000-4000-8000-000000000002";
/// A call id in both projects, one in the first alone, one in the other alone, and one in none.
const SHARED: &str = "ca110000-0000-4000-8000-000000000001";
const OWN_CALL: &str = "ca110000-0000-4000-8000-000000000002";
const OTHER_CALL: &str = "ca110000-0000-4000-8000-000000000003";
const NO_CALL: &str = "ca110000-0000-4000-8000-0000000000ff";
/// Rows of the other project that calls of the first one name.
const PROVIDER: &str = "9c000000-0000-4000-8000-000000000001";
const USER: &str = "05e70000-0000-4000-8000-000000000001";
const INCIDENT: &str = "1c000000-0000-4000-8000-000000000001";
const ALERT: &str = "a1000000-0000-4000-8000-000000000001";
const MAINTENANCE: &str = "5c000000-0000-4000-8000-000000000001";
/// A row of the first project.
const OWN_PROVIDER: &str = "9c000000-0000-4000-8000-000000000002";

/// Stands in every text of the other project.
const SECRET: &str = "quicksilver";

struct Held {
    server: Server,
    /// Clients with a key of the first project, and of the other one where there is one.
    own: Client,
    other: Client,
}

/// A server that holds the first project, or both.
async fn server(folder: &Folder, with_other: bool) -> Held {
    let server = folder.serve(&[]).await;
    let master = server.client().with_key(MASTER_KEY);
    let (own, other) = (ApiKey::generate(), ApiKey::generate());
    let mut reference = reference_of_one(own);
    let mut calls = calls_of_one();
    if with_other {
        reference.extend(reference_of_other(other));
        calls.extend(calls_of_other());
    }
    master.post_ok("/v1/reference", &Value::Array(reference)).await;
    let visible = calls.len() as u64;
    master.post_ok("/v1/events", &Value::Array(calls)).await;
    wait_until_async("the calls are visible", VISIBLE, async || count(&master).await == visible).await;
    let (own, other) = (server.client().with_key(own.reveal()), server.client().with_key(other.reveal()));
    wait_until_async("the keys are in force", VISIBLE, async || {
        let client = if with_other { &other } else { &own };
        client.post("/api/llm-log/count", &json!({})).await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    Held { server, own, other }
}

fn reference(kind: &str, id: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": "1", "source": "isolation", "type": format!("llm-log.reference.{kind}"), "subject": id,
        "data": data,
    })
}

fn key(id: &str, key: ApiKey, project: &str) -> Value {
    let data = json!({"projectId": project, "hash": key.hash(), "permissions": [{"permission": "ProjectOwner"}]});
    reference("key", id, &data)
}

fn reference_of_one(own: ApiKey) -> Vec<Value> {
    vec![
        reference("project", OWN, &json!({"name": "own"})),
        reference("llm-provider", OWN_PROVIDER, &json!({"name": "own provider", "projectId": OWN})),
        key("0ee00000-0000-4000-8000-000000000001", own, OWN),
    ]
}

fn reference_of_other(other: ApiKey) -> Vec<Value> {
    let text = format!("{SECRET} name");
    vec![
        reference("project", OTHER, &json!({"name": text})),
        reference("llm-provider", PROVIDER, &json!({"name": text, "projectId": OTHER})),
        reference("user", USER, &json!({"name": text, "email": "quicksilver@example.com", "projectIds": [OTHER]})),
        reference("incident", INCIDENT, &json!({"title": text, "projectId": OTHER, "incidentNumber": 7})),
        reference("alert", ALERT, &json!({"title": text, "projectId": OTHER, "alertNumber": 8})),
        reference("scheduled-maintenance", MAINTENANCE, &json!({"title": text, "projectId": OTHER})),
        key("0ee00000-0000-4000-8000-000000000002", other, OTHER),
    ]
}

fn call(id: &str, project: &str, second: u32, text: &str, tokens: u32, provider: &str) -> Value {
    json!({
        "_id": id, "projectId": project, "createdAt": format!("2026-03-01T06:00:{second:02}.000Z"),
        "updatedAt": "2026-03-01T07:00:00.000Z", "version": 1, "status": "Success", "modelName": text,
        "feature": text, "llmType": text, "llmProviderName": text, "requestPrompt": text, "responsePreview": text,
        "statusMessage": text, "totalTokens": tokens, "durationMs": tokens, "costInUSDCents": 0.5, "llmProviderId": provider,
        "userId": USER, "incidentId": INCIDENT, "alertId": ALERT, "scheduledMaintenanceId": MAINTENANCE,
    })
}

fn calls_of_one() -> Vec<Value> {
    vec![
        call(SHARED, OWN, 1, "the refund of one", 10, PROVIDER),
        call(OWN_CALL, OWN, 3, "the parcel of one", 30, OWN_PROVIDER),
    ]
}

fn calls_of_other() -> Vec<Value> {
    let text = format!("the {SECRET} refund");
    let mut long = call(OTHER_CALL, OTHER, 4, &text, 4000, PROVIDER);
    long["requestPrompt"] = json!(format!("{text} {}", "refund and so on ".repeat(300)));
    vec![call(SHARED, OTHER, 2, &text, 2000, PROVIDER), long]
}

/// Every column, and every field of every related row.
fn everything() -> Value {
    let mut select = Map::new();
    for column in Column::ALL.into_iter().filter(|column| column.is_readable()) {
        let fields = column.relation().map(|relation| {
            relation.fields().iter().map(|(field, _)| ((*field).to_owned(), json!(true))).collect::<Map<_, _>>()
        });
        select.insert(column.name().to_owned(), fields.map_or(json!(true), Value::Object));
    }
    Value::Object(select)
}

/// Filters that name the other project, or what belongs to it, in every way there is.
fn filters() -> Vec<Value> {
    let text = format!("{SECRET} name");
    let mut filters = vec![
        json!({}),
        json!({"_id": SHARED}),
        json!({"_id": OTHER_CALL}),
        json!({"_id": [SHARED, OWN_CALL, OTHER_CALL, NO_CALL]}),
        json!({"_id": {"_type": "IncludesNone", "value": [OWN_CALL]}}),
        json!({"_id": {"_type": "NotEqual", "value": OWN_CALL}}),
        json!({"_id": {"_type": "GreaterThan", "value": NO_CALL.replace("ff", "00")}}),
        json!({"projectId": OTHER}),
        json!({"projectId": {"_type": "Includes", "value": [OWN, OTHER]}}),
        json!({"projectId": {"_type": "NotEqual", "value": OWN}}),
        json!({"project": OTHER}),
        json!({"project": {"_type": "NotEqual", "value": OWN}}),
        json!({"project": {"_type": "IncludesNone", "value": [OWN]}}),
        json!({"requestPrompt": format!("the {SECRET} refund")}),
        json!({"modelName": [format!("the {SECRET} refund"), "the parcel of one"]}),
        json!({"totalTokens": {"_type": "GreaterThan", "value": 20}}),
        json!({"createdAt": {"_type": "GreaterThan", "value": "2026-03-01T06:00:01.500Z"}}),
        json!({"deletedAt": {"_type": "NotNull"}}),
        json!({"q": {"_type": "FullText", "value": SECRET}}),
        json!({"q": {"_type": "FullText", "value": "refund"}}),
        json!({"q": {"_type": "FullText", "value": format!("refund NOT {SECRET}")}}),
        json!({"q": {"_type": "FullText", "value": format!("parcel OR {SECRET}")}}),
        json!({"q": {"_type": "FullText", "value": "quick* OR ref*"}}),
        json!({"requestPrompt": {"_type": "FullText", "value": format!("\"{SECRET} refund\"")}}),
    ];
    let named = [("project", OTHER), ("llmProvider", PROVIDER), ("user", USER), ("incident", INCIDENT)];
    for (relation, id) in named.into_iter().chain([("alert", ALERT), ("scheduledMaintenance", MAINTENANCE)]) {
        let fields = Column::of_name(relation).and_then(Column::relation).map_or(&[][..], Relation::fields);
        let label = if fields.iter().any(|(field, _)| *field == "title") { "title" } else { "name" };
        filters.extend([
            json!({relation: id}),
            json!({relation: [id]}),
            json!({relation: {"_type": "NotEqual", "value": id}}),
            json!({relation: {"_type": "IsNull"}}),
            json!({relation: {"_id": id}}),
            json!({relation: {label: text}}),
            json!({relation: {label: {"_type": "Search", "value": SECRET}}}),
            json!({relation: {label: {"_type": "StartsWith", "value": "quick"}}}),
            json!({relation: {label: {"_type": "NotContains", "value": SECRET}}}),
            json!({relation: {label: {"_type": "NotContains", "value": "one"}}}),
        ]);
        if fields.iter().any(|(field, _)| *field == "projectId") {
            filters.push(json!({relation: {"projectId": OTHER}}));
        }
    }
    filters
}

/// Method, path and body of every request.
fn requests() -> Vec<(&'static str, String, Value)> {
    let post = |path: &str, body: Value| ("POST", format!("/api/llm-log/{path}"), body);
    let mut requests = Vec::new();
    for query in filters() {
        requests.push(post("get-list", json!({"query": query, "select": everything(), "sort": {"totalTokens": -1}})));
        requests.push(post("get-list?limit=1&output-type=csv", json!({"query": query, "select": everything()})));
        requests.push(post("count", json!({"query": query})));
        for group in ["modelName", "llmType", "llmProviderId", "status", "feature", "userId", "day"] {
            requests.push(post("stats", json!({"query": query, "groupBy": [group], "percentiles": true})));
        }
    }
    // In the other project `refund` is frequent, and one of its texts is long.
    for words in
        ["refund OR parcel", "parcel OR refund", "refund* OR \"the parcel\"", "the AND (one OR refund OR parcel)"]
    {
        let query = json!({"q": {"_type": "FullText", "value": words}});
        for direction in [-1, 1] {
            requests.push(post("get-list", json!({"query": query, "sort": {"_relevance": direction}})));
        }
    }
    for column in Column::ALL.into_iter().filter(|column| column.relation().is_none()) {
        requests.push(post("get-list", json!({"sort": {column.name(): 1}, "select": {"_id": true}})));
    }
    for id in [SHARED, OWN_CALL, OTHER_CALL, NO_CALL] {
        requests.push(post(&format!("{id}/get-item"), json!({"select": everything()})));
        let change = json!({"data": {"status": "Error"}});
        requests.push(("PUT", format!("/api/llm-log/{id}"), change.clone()));
        requests.push(("DELETE", format!("/api/llm-log/{id}"), json!({})));
    }
    for project in [OTHER, NO_CALL] {
        requests.push(post("", json!({"data": {"status": "Success", "projectId": project}})));
        requests.push(("POST", "/v1/events".to_owned(), json!({"status": "Success", "projectId": project})));
        requests.push(("POST", "/v1/events".to_owned(), json!([{"_id": OTHER_CALL, "projectId": project}])));
    }
    requests.push(("GET", "/v1/keys".to_owned(), json!({})));
    requests
}

async fn ask(client: &Client, (method, path, body): &(&'static str, String, Value)) -> Answer {
    let headers = [("Content-Type", "application/json"), ("tenantid", OTHER), ("projectid", OTHER)];
    client.send(method, path, &headers, Some(body.to_string().into_bytes())).await.expect("the server answers")
}

#[tokio::test]
async fn no_answer_tells_whether_another_project_exists_or_what_is_in_it() {
    let (alone_folder, both_folder) = (Folder::new(), Folder::new());
    let (alone, both) = (server(&alone_folder, false).await, server(&both_folder, true).await);
    let mut of_other = 0;
    for request in requests() {
        let (with, without) = (ask(&both.own, &request).await, ask(&alone.own, &request).await);
        assert_eq!((with.status, with.text()), (without.status, without.text()), "{request:?}");
        assert!(!with.text().contains(SECRET), "{request:?} answers {}", with.text());
        // The requests would find what they look for, had they the other project's key.
        of_other += usize::from(ask(&both.other, &request).await.text().contains(SECRET));
    }
    assert!(of_other > 100, "the other project's key sees its own in {of_other} answers only");
}

#[tokio::test]
async fn what_one_project_does_to_a_call_id_does_nothing_to_the_other_projects_call() {
    let folder = Folder::new();
    let Held { server, own, other } = server(&folder, true).await;
    let item = format!("/api/llm-log/{SHARED}/get-item");
    let select = json!({"select": everything()});
    let before = other.post_ok(&item, &select).await;
    let erased = |id: &str| {
        json!({
            "specversion": "1.0", "id": format!("e-{id}"), "source": "isolation", "type": "llm-log.call.erased",
            "subject": id, "data": {},
        })
    };
    // One that it has, and one that only the other has.
    own.post_ok("/v1/events", &json!([erased(SHARED), erased(OTHER_CALL)])).await;
    own.post_ok("/v1/events", &json!({"_id": OTHER_CALL, "status": "Error", "requestPrompt": "mine"})).await;
    own.post_ok("/v1/events", &json!({"_id": NO_CALL, "status": "Error", "requestPrompt": "mine"})).await;
    let mut ids = [OWN_CALL, NO_CALL];
    ids.sort_unstable();
    wait_until_async("the erasure and the new call are visible", VISIBLE, async || {
        let list = own.post_ok("/api/llm-log/get-list", &json!({"sort": {"_id": 1}})).await;
        list["data"] == json!(ids.map(|id| json!({"_id": id})))
    })
    .await;
    assert_eq!(other.post_ok(&item, &select).await, before);
    assert_eq!(count(&other).await, 2);
    assert_eq!(own.post_ok(&item, &select).await, json!({}));
    server.terminate().await.expect("it stops");
}
