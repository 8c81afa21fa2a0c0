//! Whatever comes, the answer is one that is described: no request brings the door down.

use std::cell::RefCell;

use axum::body::Body;
use axum::http::Request;
use ingest::openapi;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use testkit::{Description, arbitrary_json, arbitrary_object};

use crate::door::Door;

/// What events are made of.
const NAMES: [&str; 42] = [
    "specversion",
    "1.0",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "data",
    "data_base64",
    "datacontenttype",
    "application/json",
    "dataschema",
    "_id",
    "createdAt",
    "updatedAt",
    "version",
    "projectId",
    "llmProviderId",
    "isGlobalProvider",
    "totalTokens",
    "completionTokens",
    "costInUSDCents",
    "wasBilled",
    "status",
    "statusMessage",
    "feature",
    "requestPrompt",
    "incident",
    "incidentId",
    "requestStartedAt",
    "durationMs",
    "deletedByUserId",
    "name",
    "email",
    "hash",
    "permissions",
    "isBlockPermission",
    "projectIds",
    "expiresAt",
    "_type",
    "value",
    "$serde_json::private::RawValue",
];

const TYPES: [&str; 12] = [
    "llm-log.call.started",
    "llm-log.call.completed",
    "llm-log.call.failed",
    "llm-log.call.recorded",
    "llm-log.call.annotated",
    "llm-log.call.erased",
    "llm-log.reference.project",
    "llm-log.reference.key",
    "llm-log.reference.key-revocation",
    "llm-log.reference.user",
    "llm-log.reference.incident",
    "llm-log.reference.log",
];

const CONTENT_TYPES: [&str; 3] =
    ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"];

fn item() -> BoxedStrategy<Value> {
    let any_json = || arbitrary_json(&NAMES);
    let object = || arbitrary_object(&NAMES, any_json());
    let event = (select(&TYPES[..]), object(), object()).prop_map(|(event_type, data, more)| {
        let mut event = json!({ "specversion": "1.0", "id": "e", "source": "s", "type": event_type,
            "subject": "67e55044-10b1-426f-9247-bb680e5fe0c8", "data": data });
        let (Some(event_members), Value::Object(more)) = (event.as_object_mut(), more) else { return event };
        event_members.extend(more);
        event
    });
    prop_oneof![4 => event, 2 => object(), 1 => any_json()].boxed()
}

#[test]
fn whatever_events_come_the_answer_is_a_described_one() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let door = Door::open();
    let description = RefCell::new(Description::new(serde_json::to_value(openapi()).expect("JSON")));
    let body = prop_oneof![item(), proptest::collection::vec(item(), 0..4).prop_map(Value::Array)];
    let body = prop_oneof![6 => body.prop_map(|body| body.to_string().into_bytes()), 1 => any::<Vec<u8>>()];
    proptest!(|(path in select(vec!["/v1/events", "/v1/reference"]), is_owner in any::<bool>(), content_type in select(&CONTENT_TYPES[..]), body in body)| {
        let key = if is_owner { &door.owner_key } else { &door.master_key };
        let request = Request::builder().method("POST").uri(path).header("ApiKey", key).header("content-type", content_type);
        let answer = runtime.block_on(door.whole_answer(request.body(Body::from(body)).expect("a valid request")));
        let found = description.borrow_mut().check("POST", path, &answer);
        prop_assert!(found.is_empty(), "{path}: {found:?} in {} {}", answer.status, answer.text());
        prop_assert!(answer.status < 500, "{} {}", answer.status, answer.text());
    });
}
