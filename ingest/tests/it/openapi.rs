//! The description is exact: it takes what ingest takes, and every answer is as it says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::Request;
use event_log::{AppendError, Bounds, EventLog, LogReader, NewRecord, Position, ReadLogError, Topic};
use futures::stream;
use ingest::{IngestLimits, openapi};
use jsonschema::Validator;
use schemas::event::{CallEventType, decode_structured};
use schemas::model::Column;
use schemas::reference::{ReferenceKind, ReferenceRecord};
use serde_json::{Value, json};
use testkit::Description;

use crate::door::{self, Door};

const CALL: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

#[test]
fn the_description_is_this() {
    insta::assert_json_snapshot!(openapi());
}

fn description() -> Description {
    Description::new(serde_json::to_value(openapi()).expect("JSON"))
}

/// Values of every kind, at and beyond every bound.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!("true"),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(2.0),
        json!(9_007_199_254_740_991_i64),
        json!(9_007_199_254_740_992_i64),
        json!(9e11),
        json!(-9e11),
        json!(9.1e11),
        json!(""),
        json!("Success"),
        json!("x".repeat(600)),
        json!(CALL),
        json!(CALL.to_uppercase()),
        json!("2026-03-01T06:00:00.123Z"),
        json!("2026-03-01T07:00:00+01:00"),
        json!("2026-03-01"),
        json!("2026-02-30T06:00:00Z"),
        json!("llm-log:call:1"),
        json!("llm-log:call:11"),
        json!("application/json; charset=utf-8"),
        json!([]),
        json!({}),
        json!({"_type": "ObjectID", "value": CALL}),
        json!({"_type": "DateTime", "value": "2026-03-01T06:00:00Z"}),
        json!({"_type": "DateTime", "value": CALL}),
    ]
}

fn event(event_type: CallEventType) -> Value {
    let data = match event_type {
        CallEventType::Recorded => json!({"status": "Success"}),
        CallEventType::Annotated => json!({"feature": "x"}),
        _ => json!({}),
    };
    json!({"specversion": "1.0", "id": "e", "source": "s", "type": event_type.to_string(), "subject": CALL, "data": data})
}

#[test]
fn the_schemas_of_events_take_what_ingest_takes() {
    let (events, items) = (description().named("CallEvent"), description().named("CallItemToAppend"));
    let check = |schema: &Validator, document: &Value| {
        let decoded = decode_structured(document.to_string().as_bytes());
        assert_eq!(schema.is_valid(document), decoded.is_ok(), "{document} {decoded:?}");
    };
    let attributes = [
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "dataschema",
        "data_base64",
        "own",
    ];
    let members = || Column::ALL.into_iter().map(Column::name).chain(["own"]);
    for event_type in CallEventType::ALL.into_iter().filter(|event_type| *event_type != CallEventType::Abandoned) {
        let plain = event(event_type);
        check(&events, &plain);
        for name in attributes.into_iter().chain(["data"]) {
            let mut without = plain.clone();
            without.as_object_mut().expect("an object").remove(name);
            // Without its version it is no event, but may still be an object.
            check(if name == "specversion" { &items } else { &events }, &without);
            for value in values() {
                let mut changed = plain.clone();
                changed[name] = value;
                check(&events, &changed);
            }
        }
        for name in members() {
            for value in values() {
                // A status of null claims nothing and is passed over even where no status may stand.
                if name == "status" && value.is_null() && !event_type.may_claim(Column::Status) {
                    continue;
                }
                let mut changed = plain.clone();
                changed["data"][name] = value;
                check(&events, &changed);
            }
        }
    }
    check(&items, &json!({}));
    for name in members() {
        for value in values() {
            let mut object = json!({"status": "Success"});
            object[name] = value;
            check(&items, &object);
        }
    }
    let annotates_nothing = json!({"specversion": "1.0", "source": "s", "type": "llm-log.call.annotated",
        "data": {"projectId": CALL, "own": 1}});
    check(&events, &annotates_nothing);
    let abandoned = event(CallEventType::Abandoned);
    assert!(!items.is_valid(&abandoned), "ingest refuses it: nobody outside finds abandoned calls");
}

#[test]
fn the_schema_of_reference_events_takes_what_ingest_takes() {
    let schema = description().named("ReferenceEvent");
    let hash = "0123456789abcdef".repeat(4);
    let objects = BTreeMap::from([
        (ReferenceKind::Project, json!({"name": "p"})),
        (
            ReferenceKind::Key,
            json!({"projectId": CALL, "hash": hash, "name": "k", "createdAt": null, "expiresAt": null,
                "permissions": [{"permission": "ReadLlmLog", "isBlockPermission": true, "labelIds": [CALL]}]}),
        ),
        (ReferenceKind::KeyRevocation, json!({"revokedAt": "2026-03-01T06:00:00Z"})),
        (ReferenceKind::LlmProvider, json!({"name": "l", "projectId": null, "isGlobalLlm": true})),
        (
            ReferenceKind::User,
            json!({"name": "u", "email": "e", "profilePictureId": CALL, "twoFactorAuthEnabled": true,
                "projectIds": [CALL]}),
        ),
        (
            ReferenceKind::Incident,
            json!({"projectId": CALL, "title": "t", "currentIncidentStateId": CALL, "createdByProbeId": CALL,
                "incidentNumber": 1, "incidentNumberWithPrefix": "#1"}),
        ),
        (
            ReferenceKind::Alert,
            json!({"projectId": CALL, "title": "t", "currentAlertStateId": CALL, "createdByProbeId": CALL,
                "alertNumber": 1, "alertNumberWithPrefix": "#1"}),
        ),
        (ReferenceKind::ScheduledMaintenance, json!({"projectId": CALL, "title": "t"})),
    ]);
    assert_eq!(objects.len() + 1, ReferenceKind::ALL.len(), "every kind but the log's own is here");
    let check = |document: &Value| {
        let decoded = ReferenceRecord::decode_sent_event(document.to_string().as_bytes());
        assert_eq!(schema.is_valid(document), decoded.is_ok(), "{document} {decoded:?}");
    };
    for (kind, data) in objects {
        let event_type = format!("llm-log.reference.{}", kind.name());
        let plain = json!({"specversion": "1.0", "type": event_type, "subject": CALL, "data": data});
        check(&plain);
        for name in ["specversion", "type", "subject", "data", "own"] {
            let mut without = plain.clone();
            without.as_object_mut().expect("an object").remove(name);
            check(&without);
            for value in values() {
                // A revocation is final: ingest refuses it though it is a valid event.
                if kind == ReferenceKind::KeyRevocation && name == "data" && value.is_null() {
                    continue;
                }
                let mut changed = plain.clone();
                changed[name] = value;
                check(&changed);
            }
        }
        for name in data.as_object().expect("an object").keys().map(String::as_str).chain(["own"]) {
            let mut without = plain.clone();
            without["data"].as_object_mut().expect("an object").remove(name);
            check(&without);
            // JSON Schema calls 2.0 a whole number; here digits are wanted.
            for value in values().into_iter().filter(|value| *value != json!(2.0) && !value.is_f64()) {
                let mut changed = plain.clone();
                changed["data"][name] = value;
                check(&changed);
            }
        }
    }
}

/// A log that takes nothing.
#[derive(Debug)]
struct AwayLog;

#[async_trait]
impl EventLog for AwayLog {
    fn partitions(&self, _: Topic) -> u32 {
        1
    }

    async fn append(&self, _: Topic, _: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        Err(AppendError::Refused { reason: "it is away".to_owned() })
    }

    async fn bounds(&self, _: Topic, _: u32) -> Result<Bounds, ReadLogError> {
        Err(ReadLogError::Unavailable { reason: "it is away".to_owned() })
    }

    fn reader(&self, _: Topic, _: &BTreeMap<u32, u64>) -> Result<Box<dyn LogReader>, ReadLogError> {
        Err(ReadLogError::Unavailable { reason: "it is away".to_owned() })
    }
}

/// The description, and which of its answers were seen.
struct Pages {
    description: Description,
}

impl Pages {
    async fn send(&mut self, door: &Door, page: &str, request: &[(&str, &str)], body: Body) {
        let (method, path) = page.split_once(' ').expect("a method and a path");
        let mut sent = Request::builder().method(method).uri(path);
        for (name, value) in request {
            sent = sent.header(*name, *value);
        }
        let answer = door.whole_answer(sent.body(body).expect("a request")).await;
        let found = self.description.check(method, path, &answer);
        assert!(found.is_empty(), "{page}: {found:?} in {} {}", answer.status, answer.text());
    }
}

/// What the description promises is what the door does: it answers with nothing else, and with each of these.
#[tokio::test(flavor = "multi_thread")]
async fn every_described_page_answers_with_a_described_status() {
    let mut pages = Pages { description: description() };
    let described = pages.description.described().into_iter();
    let names: BTreeSet<String> = described.map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(names.iter().collect::<Vec<_>>(), ["GET /v1/keys", "POST /v1/events", "POST /v1/reference"]);
    let open = Door::open();
    let limits = IngestLimits { in_flight_bytes: 10, body_timeout: Duration::ZERO, ..IngestLimits::default() };
    let (narrow, away) = (Door::with_limits(limits), Door::over(Arc::new(AwayLog), IngestLimits::default()));
    let user =
        json!({"specversion": "1.0", "type": "llm-log.reference.user", "subject": CALL, "data": {"name": "Bob"}});
    let call = json!({"status": "Success", "projectId": open.project});
    let mut unknown = user.clone();
    unknown["type"] = json!("llm-log.reference.planet");
    let json = ("content-type", "application/json");
    for page in &names {
        for headers in [&[json][..], &[json, ("Authorization", "Bearer x")], &[json, ("ApiKey", "x")]] {
            pages.send(&open, page, headers, Body::from("{}")).await;
        }
        for key in [&open.owner_key, &open.writer_key, &open.reader_key, &open.master_key] {
            for body in [&user, &call, &unknown, &json!([]), &json!([call, user, 1]), &json!("x")] {
                pages.send(&open, page, &[("ApiKey", key), json], Body::from(body.to_string())).await;
            }
        }
        let large = door::gzip(&vec![b' '; schemas::limits::BODY_BYTES + 1]);
        let master = ("ApiKey", open.master_key.as_str());
        pages.send(&open, page, &[master, json, ("content-encoding", "gzip")], Body::from(large)).await;
        pages.send(&open, page, &[master, ("content-type", "text/plain")], Body::from("{}")).await;
        let master = ("ApiKey", narrow.master_key.as_str());
        pages.send(&narrow, page, &[master, json], Body::from(call.to_string())).await;
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        pages.send(&narrow, page, &[master, json], never).await;
        for body in [&call, &user] {
            let master = ("ApiKey", away.master_key.as_str());
            pages.send(&away, page, &[master, json], Body::from(body.to_string())).await;
        }
    }
    let failed = ("POST".to_owned(), "/v1/events".to_owned(), "500".to_owned());
    assert_eq!(pages.description.unseen(), BTreeSet::from([failed]), "described, but never answered");
}
