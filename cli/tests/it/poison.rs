//! The inbox when anybody writes anything to it. Runs when `LLM_LOG_TEST_KAFKA` names a broker.

use std::collections::BTreeMap;

use event_log::LogRecord;
use serde_json::{Value, json};
use testkit::{Client, wait_until_async};

use crate::binary::{count, run};
use crate::inbox::{Sent, Topics, noise};
use crate::journey::VISIBLE;
use crate::kafka::Installation;

/// The partition that gets everything, so that whatever holds it up is seen.
const PARTITION: i32 = 1;
const CALL: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
const SECOND_PROJECT: &str = "press";

/// The id of a project made by name.
fn project(name: &str) -> String {
    schemas::id::ProjectId::of_name(name).to_string()
}

fn shop() -> String {
    project(crate::binary::PROJECT)
}

/// An event with these members in place of those that a good one has.
fn event(members: &Value, data: &Value) -> Vec<u8> {
    let mut event = json!({
        "specversion": "1.0", "id": "1", "source": "poison", "type": "llm-log.call.recorded",
        "data": {"projectId": shop(), "status": "Success", "createdAt": "2026-03-01T06:00:00Z"},
    });
    for (at, members) in [("", members), ("/data", data)] {
        let object = event.pointer_mut(at).and_then(Value::as_object_mut).expect("an object");
        object.extend(members.as_object().expect("members").clone());
    }
    event.to_string().into_bytes()
}

/// What must not be taken, and a part of the reason that its letter has.
fn refused() -> Vec<(Sent, &'static str)> {
    let none = json!({});
    let binary = |headers: &[(&'static str, &str)], value: &str| Sent {
        headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ..Sent::value(value)
    };
    let attributes =
        [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "s"), ("ce_type", "llm-log.call.failed")];
    let erased = json!({"type": "llm-log.call.erased", "subject": "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "data": {"projectId": shop()}});
    let twice = format!(r#"{{"status":"Success","projectId":"{}","status":"Error"}}"#, shop());
    vec![
        (Sent::default(), "a JSON object"),
        (Sent::value(""), "a JSON object"),
        (Sent::value("hello"), "a JSON object"),
        (Sent::value("{\"status\":\"Success\""), "a JSON object: EOF"),
        (Sent::value("[]"), "a JSON object"),
        (Sent::value(vec![0xff, 0xfe, 0]), "UTF-8 text"),
        (Sent::value(twice), "the key \"status\" stands twice"),
        (Sent::value("{\"status\":\"\u{0}\"}"), "control character"),
        (Sent::value(json!({"hello": "world"}).to_string()), "/status: expected the outcome"),
        (Sent::value(json!({"status": "Success"}).to_string()), "/projectId: expected the id of the project"),
        (Sent::value("[".repeat(100_000)), "a JSON object"),
        (Sent::value(event(&none, &json!({"later": null})).repeat(2)), "trailing characters"),
        (Sent::value(event(&json!({"type": "llm-log.call.unheard-of"}), &none)), "/type: expected llm-log.call."),
        (Sent::value(event(&json!({"type": "com.github.push"}), &none)), "/type: expected llm-log.call."),
        (Sent::value(event(&json!({"dataschema": "llm-log:call:2"}), &none)), "/dataschema: expected"),
        (Sent::value(event(&json!({"specversion": "0.3"}), &none)), "/specversion: expected \"1.0\""),
        (Sent::value(event(&json!({"subject": "42"}), &none)), "/subject: expected the call id"),
        (
            Sent::value(r#"{"specversion":"1.0","id":"1","source":"s","type":"llm-log.call.started"}"#),
            "/data: expected",
        ),
        (Sent::value(event(&none, &json!({"totalTokens": "many"}))), "/data/totalTokens: expected"),
        (Sent::value(event(&none, &json!({"costInUSDCents": {"a": 1}}))), "/data/costInUSDCents: expected"),
        (Sent::value(event(&none, &json!({"createdAt": "yesterday"}))), "/data/createdAt: expected"),
        (Sent::value(event(&none, &json!({"projectId": "shop"}))), "/data/projectId: expected"),
        (Sent::value(event(&none, &json!({"userId": 7}))), "/data/userId: expected"),
        (Sent::value(event(&erased, &none)), "/type: expected another type"),
        (
            Sent::value(event(&json!({"type": "llm-log.call.abandoned", "data": {"projectId": shop()}}), &none)),
            "/type: expected another type",
        ),
        (binary(&attributes, "hello"), "/data: expected a JSON object"),
        (binary(&attributes[..3], "{}"), "/type: expected"),
        (binary(&[&attributes[..], &[("ce_id", "2")]].concat(), "{}"), "/id: expected an attribute that stands once"),
        (Sent::value(event(&none, &json!({"requestPrompt": noise(10_000_000)}))), "the greatest size is 8388608"),
        (Sent::value(event(&none, &json!({"requestPrompt": "x".repeat(60_000_000)}))), "the greatest size is 8388608"),
    ]
}

/// A good record, to stand behind a bad one.
fn good(number: usize) -> Sent {
    let day =
        json!({"status": "Success", "projectId": shop(), "createdAt": "2026-03-01T06:00:00Z", "totalTokens": number});
    Sent::value(day.to_string())
}

/// Good records that look odd, with the calls that the key of the shop sees of them.
fn odd() -> (Vec<Sent>, u64) {
    let attributes = |event_type: &str| {
        let values = [("ce_specversion", "1.0"), ("ce_id", "b"), ("ce_source", "s"), ("ce_subject", CALL)];
        let mut headers: Vec<_> = values.map(|(name, value)| (name, value.to_owned())).into();
        headers.push(("ce_type", format!("llm-log.call.{event_type}")));
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
        headers
    };
    let data = |project: &str| json!({"projectId": project, "requestPrompt": "in binary mode"}).to_string();
    let nul = json!({"status": "Su\u{0}ccess", "modelName": "\u{0}", "requestPrompt": "before\u{0}after"});
    let keyed = Sent { key: Some(b"no UUID \xff".to_vec()), ..good(1000) };
    let records = vec![
        Sent { headers: attributes("started"), ..Sent::value(data(&shop())) },
        Sent { headers: attributes("completed"), ..Sent::value(data(&shop())) },
        // The same call id, of another project.
        Sent { headers: attributes("failed"), ..Sent::value(data(&project(SECOND_PROJECT))) },
        Sent::value(event(&json!({"subject": "67E5504410B1426F9247BB680E5FE0C9"}), &nul)),
        keyed,
    ];
    (records, 3)
}

/// Every row that the key sees, whole.
async fn rows(client: &Client) -> Value {
    let columns = ["createdAt", "updatedAt", "version", "status", "modelName", "requestPrompt", "totalTokens"];
    let select: Value =
        columns.iter().map(|column| ((*column).to_owned(), json!(true))).collect::<serde_json::Map<_, _>>().into();
    client.post_ok("/api/llm-log/get-list?limit=100", &json!({"select": select})).await
}

/// The letters by their keys, and how many records of the topic they are.
fn by_key(records: Vec<LogRecord>) -> (BTreeMap<Vec<u8>, LogRecord>, usize) {
    let number = records.len();
    (records.into_iter().map(|record| (record.key.to_vec(), record)).collect(), number)
}

fn header<'a>(letter: &'a LogRecord, wanted: &str) -> &'a str {
    let found = letter.headers.iter().find(|(name, _)| name == wanted);
    std::str::from_utf8(&found.unwrap_or_else(|| panic!("no {wanted}: {:?}", letter.headers)).1).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_to_the_inbox_is_a_call_or_one_letter_and_once_more_the_same() {
    let Some(mut installation) = Installation::new("poison") else { return };
    installation.log.extend(["--topic-setting", "inbox:max.message.bytes=20000000"].map(str::to_owned));
    let (key, log) = (installation.key().await, installation.log());
    let second_key = {
        let mut args = vec!["keys", "create", "--project", SECOND_PROJECT, "--permission", "ReadLlmLog"];
        args.extend(&log);
        run(&args).await.done().trim().to_owned()
    };
    let topics = Topics::of(&installation);
    let (refused, (odd, odd_calls)) = (refused(), odd());
    let records: Vec<Sent> =
        refused.iter().enumerate().flat_map(|(at, (bad, _))| [bad.clone(), good(at)]).chain(odd).collect();
    topics.send("inbox", PARTITION, &records);
    let end = i64::try_from(records.len()).expect("a few");
    let expected_calls = refused.len() as u64 + odd_calls;

    let server = installation.folder.serve(&log).await;
    wait_until_async("everything is acknowledged", VISIBLE, async || topics.acknowledged() == end).await;
    let (client, second) = (server.client().with_key(&key), server.client().with_key(&second_key));
    wait_until_async("the good ones are visible", VISIBLE, async || count(&client).await >= expected_calls).await;
    let (letters, number) = by_key(topics.letters().await);
    assert_eq!((letters.len(), number), (refused.len(), refused.len()), "each refused record is one letter");
    check_letters(&letters, &refused);
    let (once, once_second) = (rows(&client).await, rows(&second).await);
    assert_eq!(once.get("count"), Some(&json!(expected_calls)));
    let of_reused = |rows: &Value| {
        let rows = rows.get("data").and_then(Value::as_array).expect("rows").clone();
        let found = rows.into_iter().find(|row| row.get("_id") == Some(&json!(CALL)));
        found.and_then(|row| row.get("status").cloned())
    };
    assert_eq!((of_reused(&once), of_reused(&once_second)), (Some(json!("Success")), Some(json!("Error"))));
    assert_eq!(once_second.get("count"), Some(&json!(1)));
    server.terminate().await.expect("it stops");

    topics.begin_again(PARTITION);
    let server = installation.folder.serve(&log).await;
    wait_until_async("everything came again", VISIBLE, async || topics.acknowledged() == end).await;
    server.terminate().await.expect("it stops");
    // A server is ready when it has read the log to its end.
    let server = installation.folder.serve(&log).await;
    let (client, second) = (server.client().with_key(&key), server.client().with_key(&second_key));
    assert_eq!(rows(&client).await, once);
    assert_eq!(rows(&second).await, once_second);
    let (again, number) = by_key(topics.letters().await);
    assert_eq!(number, 2 * refused.len(), "the topic is compacted at its leisure");
    assert!(again.keys().eq(letters.keys()));
    check_letters(&again, &refused);
    server.terminate().await.expect("it stops");
    let verified = installation.verify("data").await.done();
    assert!(verified.ends_with("differences 0\n"), "{verified}");
}

/// Each refused record has its letter, with reason, place and bytes.
fn check_letters(letters: &BTreeMap<Vec<u8>, LogRecord>, refused: &[(Sent, &str)]) {
    let by_offset: BTreeMap<usize, &LogRecord> = letters
        .values()
        .map(|letter| (header(letter, "llm-log-source-offset").parse().expect("a number"), letter))
        .collect();
    for (at, (sent, reason)) in refused.iter().enumerate() {
        let letter = by_offset.get(&(2 * at)).unwrap_or_else(|| panic!("no letter of record {at}: {reason}"));
        let (said, sent) = (header(letter, "llm-log-reason"), sent.value.clone().unwrap_or_default());
        assert!(said.contains(reason), "record {at}: {said:?} does not say {reason:?}");
        assert_eq!(header(letter, "llm-log-source-partition"), PARTITION.to_string());
        let value = letter.value.as_deref().expect("a letter has a value");
        if sent.len() <= schemas::limits::EVENT_BYTES {
            assert_eq!(value, sent);
        } else {
            assert_eq!(value, sent.get(..1024 * 1024).expect("longer"));
            assert_eq!(header(letter, "llm-log-source-bytes"), sent.len().to_string());
            assert_eq!(header(letter, "llm-log-source-sha256").len(), 64);
        }
    }
}
