//! The HTTP door over an embedded log: what is acknowledged is in the log, what is refused is not.

mod arbitrary;
mod door;
mod openapi;

use axum::http::StatusCode;
use door::Door;
use schemas::access::ApiKey;
use schemas::model::Column;
use schemas::value::Value;
use serde_json::json;

fn recorded(subject: &str) -> serde_json::Value {
    json!({"specversion": "1.0", "id": "e1", "source": "test", "type": "llm-log.call.recorded", "subject": subject,
        "time": "2026-03-01T06:00:00Z", "data": {"status": "Success", "requestPrompt": "Wie geht's?"}})
}

const CALL: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_event_is_in_the_log_with_its_project() {
    let door = Door::open();
    let (status, answer) = door.post("/v1/events", &door.owner_key, &recorded(&CALL.to_uppercase())).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!((&answer["items"][0]["callId"], &answer["items"][0]["eventId"]), (&json!(CALL), &json!("e1")));
    let events = door.logged_events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].key.project, door.project);
    assert_eq!(answer["items"][0]["offset"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_an_envelope_is_recorded_and_gets_an_id() {
    let door = Door::open();
    let (status, answer) = door.post("/v1/events", &door.owner_key, &json!({"status": "Error"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let events = door.logged_events().await;
    assert_eq!(answer["items"][0]["callId"], json!(events[0].key.call));
    assert_eq!(events[0].event_type, schemas::event::CallEventType::Recorded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_completed_can_be_read_from_the_log_however_many_members_it_came_with() {
    let door = Door::open();
    let members = |count: usize| (0..count).map(|at| (format!("m{at}"), json!(1)));
    let mut object: serde_json::Map<_, _> = members(999).collect();
    object.insert("status".to_owned(), json!("Success"));
    let mut event = json!({"specversion": "1.0", "source": "test", "type": "llm-log.call.started", "data": {}});
    event["data"] = members(1000).collect::<serde_json::Map<_, _>>().into();
    let attributes = members(996).collect::<serde_json::Map<_, _>>();
    event.as_object_mut().expect("an object").extend(attributes);
    for item in [json!(object), event] {
        let (status, answer) = door.post("/v1/events", &door.owner_key, &item).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let mut more = item;
        more["one"] = json!("more");
        let (status, answer) = door.post("/v1/events", &door.owner_key, &more).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer["problems"][0]["expected"], json!("a JSON object of at most 1000 members"));
    }
    let unknown: Vec<_> = door.logged_events().await.iter().map(|event| event.data.unknown.len()).collect();
    assert_eq!(unknown.iter().sum::<usize>(), 1999);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_was_cut_within_a_character_keeps_nothing_out() {
    let door = Door::open();
    let headers = [("apikey", door.owner_key.as_str()), ("content-type", "application/json")];
    let body = br#"[{"status":"Success","requestPrompt":"cut \ud83d"},{"status":"Success"}]"#;
    let (status, answer) = door.send("/v1/events", &headers, body.to_vec()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let events = door.logged_events().await;
    let prompts = events.iter().filter_map(|event| event.data.claimed(Column::RequestPrompt));
    assert_eq!((events.len(), prompts.collect::<Vec<_>>()), (2, vec![&Value::text("cut \u{fffd}")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_names_its_call() {
    let door = Door::open();
    let mut erased = recorded(CALL);
    erased["type"] = json!("llm-log.call.erased");
    erased["data"] = json!({"_id": CALL});
    erased["subject"] = json!(null);
    let (status, answer) = door.post("/v1/events", &door.owner_key, &erased).await;
    assert_eq!((status, &answer["problems"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("/subject")));
    assert!(door.logged_events().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_record_that_no_log_takes_is_named_and_refused_for_good() {
    let door = Door::open();
    let record = |name: &str| {
        json!({"specversion": "1.0", "type": "llm-log.reference.project",
            "subject": "550e8400-e29b-41d4-a716-446655440000", "data": {"name": name}})
    };
    let body = json!([record("fits"), record(&"x".repeat(10 << 20))]);
    let (status, answer) = door.post("/v1/reference", &door.master_key, &body).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{answer}");
    let text = answer["error"].as_str().expect("a text");
    assert!(text.starts_with("item 1 has 1048") && text.ends_with("; nothing was appended"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_item_keeps_all_out_and_every_problem_is_named() {
    let door = Door::open();
    let mut wrong = recorded(CALL);
    wrong["data"]["totalTokens"] = json!("many");
    wrong["time"] = json!("yesterday");
    let mut elsewhere = recorded(CALL);
    elsewhere["data"]["projectId"] = json!("550e8400-e29b-41d4-a716-446655440000");
    let mut internal = recorded(CALL);
    internal["type"] = json!("llm-log.call.abandoned");
    internal["data"] = json!({});
    let body = json!([recorded(CALL), wrong, elsewhere, internal]);
    let (status, answer) = door.post("/v1/events", &door.owner_key, &body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let named: Vec<_> =
        answer["problems"].as_array().expect("a list").iter().map(|p| (&p["index"], &p["pointer"])).collect();
    let (one, two, three) = (json!(1), json!(2), json!(3));
    assert_eq!(
        named,
        [
            (&one, &json!("/time")),
            (&one, &json!("/data/totalTokens")),
            (&two, &json!("/data/projectId")),
            (&three, &json!("/type"))
        ]
    );
    assert!(door.logged_events().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_decide_who_may_write_and_erase() {
    let door = Door::open();
    let mut erased = recorded(CALL);
    erased["type"] = json!("llm-log.call.erased");
    erased["data"] = json!({});
    for (key, body, expected) in [
        (&door.writer_key, recorded(CALL), StatusCode::OK),
        (&door.writer_key, erased.clone(), StatusCode::UNPROCESSABLE_ENTITY),
        (&door.reader_key, recorded(CALL), StatusCode::UNPROCESSABLE_ENTITY),
        (&door.owner_key, erased, StatusCode::OK),
        (&"no-uuid".to_owned(), recorded(CALL), StatusCode::BAD_REQUEST),
        (&door.owner_key.replace('-', ""), recorded(CALL), StatusCode::BAD_REQUEST),
        (&door.owner_key.to_uppercase(), recorded(CALL), StatusCode::OK),
        (&CALL.to_owned(), recorded(CALL), StatusCode::BAD_REQUEST),
    ] {
        let (status, answer) = door.post("/v1/events", key, &body).await;
        assert_eq!(status, expected, "{answer}");
    }
    let (status, _) = door.send("/v1/events", &[("content-type", "application/json")], b"{}".to_vec()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_names_the_project_of_each_event() {
    let door = Door::open();
    let (status, answer) = door.post("/v1/events", &door.master_key, &recorded(CALL)).await;
    assert_eq!(
        (status, &answer["problems"][0]["pointer"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("/data/projectId"))
    );
    let mut named = recorded(CALL);
    named["data"]["projectId"] = json!("550e8400-e29b-41d4-a716-446655440000");
    let (status, answer) = door.post("/v1/events", &door.master_key, &named).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_may_be_gzipped_and_must_be_json() {
    let door = Door::open();
    let key = ("apikey", door.owner_key.as_str());
    let gzipped = door::gzip(recorded(CALL).to_string().as_bytes());
    let headers = [key, ("content-type", "application/cloudevents+json"), ("content-encoding", "gzip")];
    assert_eq!(door.send("/v1/events", &headers, gzipped).await.0, StatusCode::OK);
    let text = [key, ("content-type", "text/plain")];
    assert_eq!(door.send("/v1/events", &text, b"{}".to_vec()).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let json = [key, ("content-type", "application/json")];
    assert_eq!(door.send("/v1/events", &json, b"{".to_vec()).await.0, StatusCode::BAD_REQUEST);
    let bomb = door::gzip(&vec![b' '; schemas::limits::BODY_BYTES + 1]);
    let headers = [key, ("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(door.send("/v1/events", &headers, bomb).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_data_take_the_master_key_and_keys_are_listed_without_hashes() {
    let door = Door::open();
    let user = json!({"specversion": "1.0", "id": "u", "source": "test", "type": "llm-log.reference.user",
        "subject": CALL, "data": {"name": "Bob", "projectIds": [door.project]}});
    assert_eq!(door.post("/v1/reference", &door.owner_key, &user).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, answer) = door.post("/v1/reference", &door.master_key, &user).await;
    assert_eq!((status, &answer["items"][0]["key"]), (StatusCode::OK, &json!(format!("user/{CALL}"))), "{answer}");
    let mut unknown = user;
    unknown["type"] = json!("llm-log.reference.planet");
    let (status, answer) = door.post("/v1/reference", &door.master_key, &unknown).await;
    assert_eq!((status, &answer["problems"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("/type")));

    let listed = door.get("/v1/keys", &door.master_key).await;
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(3));
    assert!(!listed.to_string().contains("hash"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_member_of_reference_data_is_refused_with_its_place() {
    let door = Door::open();
    let hash = ApiKey::generate().hash();
    let grant = json!({"permission": "EraseLlmLog", "isBlock": true});
    let key = json!({"specversion": "1.0", "type": "llm-log.reference.key", "subject": CALL,
        "data": {"projectId": door.project, "hash": hash, "permissions": [grant], "expires_at": "2026-03-01T06:00:00Z"}});
    let (status, answer) = door.post("/v1/reference", &door.master_key, &key).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let pointers: Vec<_> =
        answer["problems"].as_array().expect("a list").iter().map(|problem| problem["pointer"].as_str()).collect();
    assert_eq!(pointers, [Some("/data/expires_at"), Some("/data/permissions/0/isBlock")]);
    let expected = "no such member: there are permission, isBlockPermission, labelIds";
    assert_eq!(answer["problems"][1]["expected"], json!(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_over_its_rate_is_told_when_to_come_again() {
    let limits = ingest::IngestLimits {
        project_events_per_second: std::num::NonZeroU32::MIN,
        project_burst_events: std::num::NonZeroU32::MIN,
        ..ingest::IngestLimits::default()
    };
    let door = Door::with_limits(limits);
    let mut taken = 0;
    let (status, answer) = loop {
        let (status, answer) = door.post("/v1/events", &door.owner_key, &recorded(CALL)).await;
        // One that takes more than a second lets another in.
        if status != StatusCode::OK || taken == 100 {
            break (status, answer);
        }
        taken += 1;
    };
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{answer}");
    assert!(taken > 0, "the first is taken");
    assert_eq!(door.logged_events().await.len(), taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_bytes_in_flight_is_refused_while_it_arrives() {
    let door = Door::with_limits(ingest::IngestLimits { in_flight_bytes: 1000, ..ingest::IngestLimits::default() });
    let mut large = recorded(CALL);
    large["data"]["requestPrompt"] = json!("x".repeat(1000));
    assert_eq!(door.post("/v1/events", &door.owner_key, &large).await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(door.post("/v1/events", &door.owner_key, &recorded(CALL)).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_held_with_the_length_that_it_tells_before_it_arrives() {
    let door = Door::with_limits(ingest::IngestLimits { in_flight_bytes: 2000, ..ingest::IngestLimits::default() });
    let (cut, slow) = door.post_slowly(1900).await;
    let (status, refused) = door.post("/v1/events", &door.owner_key, &recorded(CALL)).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused["error"], json!("nothing was appended, send again later: too many bytes are in flight"));
    drop(cut);
    assert_eq!(slow.await.expect("it ends"), StatusCode::BAD_REQUEST, "its body was cut");
    let (status, answer) = door.post("/v1/events", &door.owner_key, &recorded(CALL)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}
