//! Reading events from producers.

use schemas::event::{CallEvent, IncomingEvent, decode_binary, decode_structured};
use schemas::problem::Problems;

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
fn wrapped_values_are_for_objects_without_an_envelope() {
    let id = r#"{"_type":"ObjectID","value":"67e55044-10b1-426f-9247-bb680e5fe0c8"}"#;
    assert!(decode_structured(format!(r#"{{"status":"Success","userId":{id}}}"#).as_bytes()).is_ok());
    assert_eq!(pointers(started(&format!(r#"{{"userId":{id}}}"#)).expect_err("invalid")), ["/data/userId"]);
}
