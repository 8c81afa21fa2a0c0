//! Whatever comes, the answer is one that is described: no request brings the server down.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::Request;
use proptest::prelude::*;
use proptest::sample::select;
use query_api::{Compat, openapi};
use serde_json::{Value as Json, json};
use testkit::{Description, arbitrary_json, arbitrary_object};
use tokio::runtime::Runtime;

use crate::bodies::gzip;
use crate::server::{MASTER, READER, Server, answer_of, id};

/// What queries, selections and orders are made of.
const NAMES: [&str; 57] = [
    "_id",
    "createdAt",
    "deletedAt",
    "version",
    "project",
    "projectId",
    "llmProvider",
    "llmProviderId",
    "isGlobalProvider",
    "totalTokens",
    "costInUSDCents",
    "status",
    "statusMessage",
    "requestPrompt",
    "responsePreview",
    "incident",
    "user",
    "userId",
    "durationMs",
    "deletedByUserId",
    "name",
    "email",
    "title",
    "incidentNumber",
    "slug",
    "_relevance",
    "_type",
    "value",
    "startValue",
    "endValue",
    "fields",
    "direction",
    "nulls",
    "DESC",
    "first",
    "day",
    "modelName",
    "EqualTo",
    "NotEqual",
    "EqualToOrNull",
    "IsNull",
    "GreaterThan",
    "LessThanOrNull",
    "InBetween",
    "Includes",
    "IncludesNone",
    "Search",
    "StartsWith",
    "NotContains",
    "MultiSearch",
    "FullText",
    "ObjectID",
    "DateTime",
    "Name",
    "Email",
    "$serde_json::private::RawValue",
    "__proto__",
];

const TYPES: [&str; 5] =
    ["application/json", "application/x-www-form-urlencoded", "text/plain", ";charset=", "application/a+json"];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

fn any_json() -> BoxedStrategy<Json> {
    arbitrary_json(&NAMES)
}

/// Conditions by column, most of them operators.
fn query() -> BoxedStrategy<Json> {
    let operator = (select(&NAMES[37..55]), any_json(), any_json(), any_json()).prop_map(|(name, value, end, fields)| {
        json!({ "_type": name, "value": value, "startValue": value, "endValue": end, "fields": fields })
    });
    prop_oneof![4 => arbitrary_object(&NAMES, prop_oneof![operator, any_json()]), 1 => any_json()].boxed()
}

fn body() -> BoxedStrategy<Json> {
    let members = (query(), prop_oneof![arbitrary_object(&NAMES, any_json()), any_json()], any_json(), any_json());
    let with = (select(vec!["sort", "groupBy", "skip", "limit", "cursor", "percentiles", "data"]), any::<bool>());
    let bodies = (members, with).prop_map(|((query, select, sort, more), (name, plain))| {
        let sort = if plain { json!({ "createdAt": -1 }) } else { sort };
        json!({ "query": query, "select": select, "sort": sort, name: more })
    });
    prop_oneof![6 => bodies, 1 => any_json()].boxed()
}

/// A method and a path.
fn page() -> BoxedStrategy<(&'static str, String)> {
    let reads = ["get-list", "get-list?output-type=csv", "count", "stats"].map(str::to_owned).to_vec();
    let one = prop_oneof![Just(id(3)), "[%a-z0-9.~!-]{0,12}"];
    let of_one = (one, select(vec!["get-item", "update-item", "delete-item"]));
    let of_one = of_one.prop_map(|(one, page)| format!("{one}/{page}"));
    prop_oneof![
        4 => (Just("POST"), select(reads)),
        1 => (select(vec!["GET", "POST"]), of_one),
    ]
    .prop_map(|(method, page)| (method, format!("/api/llm-log/{page}")))
    .boxed()
}

fn check(
    description: &mut Description,
    server: &Server,
    method: &str,
    path: &str,
    request: Request<Body>,
) -> Result<(), TestCaseError> {
    let answer = answer_of(RUNTIME.block_on(server.send(request)));
    let found = description.check(method, path, &answer);
    prop_assert!(found.is_empty(), "{method} {path}: {found:?} in {} {}", answer.status, answer.text());
    prop_assert!(answer.status < 500, "{} {}", answer.status, answer.text());
    Ok(())
}

fn request(method: &str, path: &str, key: &str, body: impl Into<Body>) -> Request<Body> {
    let request =
        Request::builder().method(method).uri(path).header("ApiKey", key).header("content-type", "application/json");
    request.body(body.into()).expect("a valid request")
}

#[test]
fn whatever_json_comes_the_answer_is_a_described_one() {
    for compat in [Compat::Docs, Compat::OneUptime] {
        let server = Server::new(compat);
        let description =
            std::cell::RefCell::new(Description::new(serde_json::to_value(openapi(compat)).expect("JSON")));
        let key = select(vec![READER, MASTER]);
        proptest!(ProptestConfig::with_cases(1000), |((method, path) in page(), key in key, body in body())| {
            let request = request(method, &path, key, body.to_string());
            check(&mut description.borrow_mut(), &server, method, &path, request)?;
        });
    }
}

#[test]
fn whatever_bytes_come_the_answer_is_a_described_one() {
    let server = Server::new(Compat::Docs);
    let description =
        std::cell::RefCell::new(Description::new(serde_json::to_value(openapi(Compat::Docs)).expect("JSON")));
    let bytes = prop_oneof![
        any::<Vec<u8>>(),
        "[\\[\\]{}\":,a0-9.eE+-]{0,40}".prop_map(String::into_bytes),
        "(query|select|sort)(\\[[a-zA-Z_]{0,12}\\]){0,4}=[a-z0-9%+&=\\[\\]-]{0,20}".prop_map(String::into_bytes),
        any::<Vec<u8>>().prop_map(|bytes| gzip(&bytes)),
    ];
    let url = "(limit|skip|output-type|tenantid|[a-z%&=]{0,5})(=[0-9a-fx%+&-]{0,12}){0,3}";
    proptest!(ProptestConfig::with_cases(1000), |(content_type in select(&TYPES[..]), encoding in select(vec!["gzip", "identity", "br", ""]), bytes in bytes, url in url)| {
        let path = format!("/api/llm-log/get-list?{url}");
        let request = Request::builder().method("POST").uri(&path).header("ApiKey", READER);
        let request = request.header("content-type", content_type).header("content-encoding", encoding);
        check(&mut description.borrow_mut(), &server, "POST", &path, request.body(bytes.into()).expect("a valid request"))?;
    });
}
