//! Reading events from producers.

use schemas::event::{CallEvent, IncomingEvent, decode_binary, decode_structured};
use schemas::fold::CallState;
use schemas::model::Column;
use schemas::problem::Problems;
use schemas::value::Value;
use serde_json::json;

const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

fn started(data: &str) -> Result<IncomingEvent, Problems> {
    decode_structured(
        format!(r#"{{"specversion":"1.0","source":"s","type":"llm-log.call.started","data":{data}}}"#).as_bytes(),
    )
}

fn pointers(problems: Problems) -> Vec<String> {
    problems.0.into_iter().map(|problem| problem.pointer).collect()
}

#[test]
fn every_wrong_member_is_named_by_its_pointer() {
    let found = started(r#"{"totalTokens":"5","isGlobalProvider":1,"userId":"x","feature":7,"durationMs":-1}"#);
    let expected = ["/data/totalTokens", "/data/isGlobalProvider", "/data/userId", "/data/feature", "/data/durationMs"];
    assert_eq!(pointers(found.expect_err("invalid")), expected);
}

#[test]
fn a_problem_never_quotes_a_prompt() {
    for json in [r#"{"specversion":"1.0","source":"s","type":"llm-log.call.started","data":"secret"}"#, r#""secret""#] {
        let problems = decode_structured(json.as_bytes()).expect_err("invalid");
        assert!(!problems.to_string().contains("secret"), "{problems}");
    }
}

#[test]
fn a_key_that_stands_twice_is_a_problem() {
    assert_eq!(pointers(started(r#"{"feature":"a","feature":"b"}"#).expect_err("invalid")), ["/data"]);
}

#[test]
fn deep_or_endless_objects_are_refused() {
    let deep = format!(r#"{{"new":{}{}}}"#, "[".repeat(101), "]".repeat(101));
    assert_eq!(pointers(started(&deep).expect_err("invalid")), ["/data/new"]);
    let members: Vec<String> = (0..1001).map(|at| format!(r#""m{at}":1"#)).collect();
    assert_eq!(pointers(started(&format!("{{{}}}", members.join(","))).expect_err("invalid")), ["/data"]);
}

#[test]
fn a_binary_event_keeps_its_extensions_and_has_each_attribute_once() {
    let attributes =
        [("specversion", "1.0"), ("source", "s"), ("type", "llm-log.call.started"), ("database", "orders")];
    let event = decode_binary(&attributes, b"{}").expect("valid");
    assert_eq!(event.extensions.len(), 1);
    let twice = [attributes.as_slice(), &[("id", "1"), ("id", "2")]].concat();
    assert_eq!(pointers(decode_binary(&twice, b"{}").expect_err("invalid")), ["/id"]);
}

#[test]
fn unknown_members_survive_the_log_verbatim() {
    let json = r#"{"specversion":"1.0","id":"1","source":"s","type":"llm-log.call.started","time":"2026-03-01T06:00:00Z",
        "subject":"67e55044-10b1-426f-9247-bb680e5fe0c8","trace":{"a" : 1.0},
        "data":{"projectId":"67e55044-10b1-426f-9247-bb680e5fe0c8","costInUSDCents":0.10,"new":[1.50, {"x" :null}]}}"#;
    let event = CallEvent::decode(json.as_bytes()).expect("complete");
    let written = event.encode();
    let text = String::from_utf8(written.clone()).expect("UTF-8");
    assert!(text.contains(r#""new":[1.50, {"x" :null}]"#) && text.contains(r#""trace":{"a" : 1.0}"#), "{text}");
    assert_eq!(CallEvent::decode(&written), Ok(event));
}

#[test]
fn half_a_character_is_taken_in_every_text_of_an_event() {
    let json = r#"{"specversion":"1.0","id":"\ude00","source":"s\ud83d","type":"llm-log.call.started",
        "time":"2026-03-01T06:00:00Z","subject":"67e55044-10b1-426f-9247-bb680e5fe0c8","own\ud83d":"\ud83d",
        "data":{"projectId":"67e55044-10b1-426f-9247-bb680e5fe0c8","requestPrompt":"cut \ud83d","new\ud83d":["\ud83d"]}}"#;
    let event = CallEvent::decode(json.as_bytes()).expect("complete");
    assert_eq!((&*event.id, &*event.source), ("\u{fffd}", "s\u{fffd}"));
    assert_eq!(event.data.claimed(Column::RequestPrompt), Some(&Value::text("cut \u{fffd}")));
    let names = [&event.extensions, &event.data.unknown].map(|members| members.first().map(|(name, _)| &**name));
    assert_eq!(names, [Some("own\u{fffd}"), Some("new\u{fffd}")]);
    let written = event.encode();
    let text = String::from_utf8(written.clone()).expect("UTF-8");
    assert!(text.contains("\"new\u{fffd}\":[\"\\ud83d\"]"), "{text}");
    assert_eq!(CallEvent::decode(&written), Ok(event));
    assert!(decode_structured(br#"{"status":"Success","requestPrompt":"\ud83"}"#).is_err(), "no JSON");
}

#[test]
fn wrapped_values_are_for_objects_without_an_envelope() {
    let id = r#"{"_type":"ObjectID","value":"67e55044-10b1-426f-9247-bb680e5fe0c8"}"#;
    assert!(decode_structured(format!(r#"{{"status":"Success","userId":{id}}}"#).as_bytes()).is_ok());
    assert_eq!(pointers(started(&format!(r#"{{"userId":{id}}}"#)).expect_err("invalid")), ["/data/userId"]);
}

fn completed(data: &str) -> Result<IncomingEvent, Problems> {
    decode_structured(
        format!(r#"{{"specversion":"1.0","source":"s","type":"llm-log.call.completed","data":{data}}}"#).as_bytes(),
    )
}

#[test]
fn null_claims_empty_and_an_absent_member_claims_nothing() {
    let event = completed(r#"{"feature":null,"totalTokens":null}"#).expect("valid");
    assert_eq!(event.data.claimed(Column::Feature), Some(&Value::Null));
    assert_eq!(event.data.claimed(Column::TotalTokens), Some(&Value::Null));
    assert_eq!(event.data.claimed(Column::UserId), None);
}

#[test]
fn null_is_the_same_as_absent_where_a_call_is_never_without_a_value() {
    let nulls = completed(r#"{"status":null,"createdAt":null,"updatedAt":null,"version":null,"projectId":null}"#);
    assert_eq!(nulls, completed("{}"));
    let recorded = r#"{"specversion":"1.0","source":"s","type":"llm-log.call.recorded","data":{"status":null}}"#;
    assert_eq!(pointers(decode_structured(recorded.as_bytes()).expect_err("no status")), ["/data/status"]);
}

#[test]
fn a_null_attribute_of_the_envelope_is_absent() {
    let nulls = r#"{"specversion":"1.0","source":"s","type":"llm-log.call.completed","id":null,"subject":null,
        "time":null,"datacontenttype":null,"dataschema":null,"data":{}}"#;
    assert_eq!(decode_structured(nulls.as_bytes()), completed("{}"));
    let no_source = r#"{"specversion":"1.0","source":null,"type":"llm-log.call.completed","data":{}}"#;
    assert_eq!(pointers(decode_structured(no_source.as_bytes()).expect_err("no source")), ["/source"]);
}

#[test]
fn an_event_with_one_member_of_a_group_of_columns_empties_the_others() {
    let before = r#""status":"Running","statusMessage":"waiting","totalTokens":7,"completionTokens":5,"feature":"a""#;
    let mut state = folded("started", before);
    state.merge(folded("completed", r#""completionTokens":2,"feature":null"#));
    let CallState::Live(live) = state else { panic!("nothing erased it") };
    assert_eq!(live.claimed(Column::Status), Some(&Value::text("Success")));
    assert_eq!(live.claimed(Column::StatusMessage), None, "the outcome leaves the message empty");
    assert_eq!(live.claimed(Column::CompletionTokens), Some(&Value::Number(2)));
    assert_eq!(live.claimed(Column::TotalTokens), None, "the outcome leaves the total empty");
    assert_eq!(live.claimed(Column::Feature), Some(&Value::Null), "null wins over a value of a lower rank");
}

/// What one event of a call makes of it; `members` are those of its `data` beside the project.
fn folded(event_type: &str, members: &str) -> CallState {
    let record = format!(
        r#"{{"specversion":"1.0","id":"1","source":"s","type":"llm-log.call.{event_type}","subject":"{ID}",
            "time":"2026-03-01T06:00:00Z","data":{{"projectId":"{ID}",{members}}}}}"#
    );
    CallState::of(CallEvent::decode(record.as_bytes()).expect("complete"), 1)
}

#[test]
fn an_event_of_another_major_version_is_refused() {
    let of = |dataschema: &str| {
        let event = json!({
            "specversion": "1.0", "source": "s", "type": "llm-log.call.started", "dataschema": dataschema, "data": {}
        });
        decode_structured(event.to_string().as_bytes())
    };
    for good in ["llm-log:call:1", "https://example.com/schemas/call/v1", "1", "call-01"] {
        assert_eq!(of(good), started("{}"), "{good}");
    }
    for bad in ["llm-log:call:2", "llm-log:call:0", "llm-log:call:11", "llm-log:call", "1/", "v99999999999999999999"] {
        assert_eq!(pointers(of(bad).expect_err(bad)), ["/dataschema"], "{bad}");
    }
    let attributes = [("specversion", "1.0"), ("source", "s"), ("type", "llm-log.call.started"), ("dataschema", "v2")];
    assert_eq!(pointers(decode_binary(&attributes, b"{}").expect_err("another major")), ["/dataschema"]);
}

#[test]
fn a_binary_event_is_read_as_the_same_event_in_one_piece() {
    let data = r#"{"projectId":"67e55044-10b1-426f-9247-bb680e5fe0c8","status":"Success","new":[1.50]}"#;
    let attributes = [
        ("specversion", "1.0"),
        ("id", "7"),
        ("source", "s"),
        ("type", "llm-log.call.recorded"),
        ("subject", "67E55044-10B1-426F-9247-BB680E5FE0C8"),
        ("time", "2026-03-01T06:00:00Z"),
        ("dataschema", "llm-log:call:1"),
        ("traceparent", "00-1"),
    ];
    let members = attributes.map(|(name, value)| format!(r#""{name}":"{value}""#)).join(",");
    let whole = decode_structured(format!(r#"{{{members},"data":{data}}}"#).as_bytes()).expect("valid");
    assert_eq!(decode_binary(&attributes, data.as_bytes()), Ok(whole));
}

#[test]
fn a_binary_event_names_wrong_attributes_and_data_that_is_no_object() {
    let attributes = [("specversion", "0.3"), ("type", "llm-log.call.begun"), ("subject", "x"), ("time", "now")];
    let expected = ["/subject", "/time", "/data", "/specversion", "/source", "/type"];
    assert_eq!(pointers(decode_binary(&attributes, b"not JSON").expect_err("invalid")), expected);
    let attributes = [("specversion", "1.0"), ("source", "s"), ("type", "llm-log.call.started")];
    for value in ["[]", "null", "\"text\"", "", "{}{}"] {
        assert_eq!(pointers(decode_binary(&attributes, value.as_bytes()).expect_err(value)), ["/data"], "{value}");
    }
    assert_eq!(pointers(decode_binary(&attributes, &[0xff]).expect_err("not text")), ["/data"]);
}

#[test]
fn how_a_binary_value_is_written_is_not_looked_for_in_its_attributes() {
    let attributes = [("specversion", "1.0"), ("source", "s"), ("type", "llm-log.call.started")];
    let more = [("datacontenttype", "text/plain"), ("data", "x"), ("data_base64", "eA==")];
    let event = decode_binary(&[attributes, more].concat(), b"{}").expect("valid");
    assert_eq!(Ok(event), decode_binary(&attributes, b"{}"));
}
