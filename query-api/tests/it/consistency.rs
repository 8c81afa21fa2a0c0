//! `Llm-Log-Consistent-With`: what a read waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use query_api::{Compat, MergedReader};
use schemas::id::{LogId, Partition};
use schemas::limits::WAITING_READS;
use schemas::positions::{Offset, Positions};
use schemas::reader::{CallReader, ReadError, WaitFor};
use schemas::reference::{LogObject, ReferenceObject, ReferenceRecord};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::memory_reader::{MemoryReader, PARTITIONS, log};
use crate::server::{Answered, PROJECT, READER, Server, calls, id, key, reference, uuid};

const NEW_KEY: &str = "f1000000-0000-4000-8000-0000000000aa";
const LONG: Duration = Duration::from_mins(10);

fn positions(partitions: &[(Partition, Offset)], reference: Option<Offset>) -> Positions {
    Positions { log: log(), partitions: partitions.iter().copied().collect(), reference }
}

async fn post(server: &Server, path: &str, tokens: &[&str]) -> Answered {
    let mut headers = vec![("ApiKey", READER)];
    headers.extend(tokens.iter().map(|token| ("Llm-Log-Consistent-With", *token)));
    server.request("POST", &format!("/api/llm-log/{path}"), &headers, &json!({})).await
}

fn waited(reader: &MemoryReader) -> Vec<Option<WaitFor>> {
    let contexts = reader.contexts.lock().expect("nobody panicked").split_off(0);
    contexts.into_iter().map(|context| context.wait_for).collect()
}

#[tokio::test]
async fn every_read_waits_for_the_positions_of_all_tokens_together() {
    let reader = Arc::new(MemoryReader::new(calls()));
    let server = Server::patient(Compat::Docs, reader.clone(), LONG);
    let one = positions(&[(0, 3), (1, 9)], None).token();
    let two = positions(&[(1, 4), (2, 5)], Some(1)).token();
    let both = positions(&[(0, 3), (1, 9), (2, 5)], Some(1));
    for path in ["get-list", "count", "stats", &format!("{}/get-item", id(1))] {
        for tokens in [&[one.as_str(), &two] as &[&str], &[&format!("{one}, {two}")]] {
            assert_eq!(post(&server, path, tokens).await.status, 200);
            let waited = waited(&reader);
            let [Some(WaitFor { positions, timeout })] = waited.as_slice() else { panic!("{waited:?}") };
            assert_eq!(*positions, both, "{path}");
            assert!(*timeout > LONG / 2 && *timeout <= LONG, "{timeout:?}");
        }
        assert_eq!(post(&server, path, &[]).await.status, 200);
        assert_eq!(waited(&reader), [None]);
    }
}

#[tokio::test]
async fn the_token_of_an_answer_is_one_to_wait_for() {
    let reader = Arc::new(MemoryReader::new(calls()));
    let server = Server::over(Compat::Docs, reader.clone());
    let answered = post(&server, "count", &[]).await;
    let token = answered.headers.get("llm-log-positions").expect("a token").to_str().expect("text");
    waited(&reader);
    assert_eq!(post(&server, "count", &[token]).await.status, 200);
    let named = waited(&reader).remove(0).expect("something to wait for").positions;
    assert_eq!(named.partitions.len(), PARTITIONS as usize);
    assert_eq!(named.reference, Some(reference().next()));
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_anything_is_read() {
    let reader = Arc::new(MemoryReader::new(calls()));
    let server = Server::over(Compat::Docs, reader.clone());
    let token = positions(&[(0, 3)], None).token();
    let text = "Llm-Log-Consistent-With: expected a token of positions, as an answer's Llm-Log-Positions header or an \
                append's receipt has it";
    for wrong in ["", "x", &format!("{token},"), &format!("{token}{token}"), "\u{fc}"] {
        let answered = post(&server, "count", &[&token, wrong]).await;
        assert_eq!((answered.status.as_u16(), answered.json()), (400, json!({ "error": text })), "{wrong:?}");
    }
    assert_eq!(waited(&reader), []);
}

#[tokio::test]
async fn a_token_of_another_log_fails_the_precondition() {
    let other = Positions { log: LogId(Uuid::from_u128(0x11)), ..positions(&[(0, 3)], None) }.token();
    let own = positions(&[(0, 3)], None).token();
    let text = r#"{"error":"Llm-Log-Consistent-With: the token is of another log"}"#;
    // The reference data of one server name the log; of the other only the reader knows it.
    let reader = Arc::new(MemoryReader::new(calls()));
    let server = Server::over(Compat::Docs, reader.clone());
    assert_eq!(post(&server, "count", &[&own, &other]).await.summary(), (412, text));
    reader.fail(ReadError::OtherLog);
    assert_eq!(post(&server, "count", &[&other]).await.summary(), (412, text));
    let named = Server::new(Compat::Docs);
    named.apply(ReferenceRecord::of(log().0, ReferenceObject::Log(LogObject { partitions: PARTITIONS })));
    assert_eq!(post(&named, "count", &[&other]).await.summary(), (412, text));
    assert_eq!(post(&named, "count", &[&own]).await.status, 200);
}

#[tokio::test]
async fn writes_are_refused_whatever_they_wait_for() {
    let server = Server::new(Compat::Docs);
    let refused = server.request("POST", "/api/llm-log", &[("ApiKey", READER)], &json!({"data": {}})).await;
    let waiting = server
        .request("POST", "/api/llm-log", &[("ApiKey", READER), ("Llm-Log-Consistent-With", "x")], &json!({"data": {}}))
        .await;
    assert_eq!(waiting.summary(), refused.summary());
}

#[tokio::test]
async fn a_read_that_waited_in_vain_is_told_when_to_come_again() {
    let reader = Arc::new(MemoryReader::new(calls()));
    let server = Server::over(Compat::Docs, reader.clone());
    let token = positions(&[(0, 3)], None).token();
    for (error, text) in [
        (
            ReadError::Behind { partitions: BTreeSet::from([0, 3]) },
            "the log is not read that far yet in the partitions 0, 3; ask again",
        ),
        (
            ReadError::TooManyWaiting { retry_after: Duration::from_millis(1) },
            "too many reads wait for the log to be read",
        ),
    ] {
        reader.fail(error);
        let answered = post(&server, "count", &[&token]).await;
        assert_eq!((answered.status.as_u16(), answered.json()), (503, json!({ "error": text })));
        assert_eq!(answered.headers.get("retry-after").expect("a time"), "1");
    }
}

/// A token for the reference data with one more record than there is.
fn next_reference() -> String {
    positions(&[], Some(reference().next() + 1)).token()
}

async fn waiting(server: &Server, count: usize) {
    while server.waiting_for_reference() != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_key_made_just_now_is_good_for_a_read_that_waits_for_it() {
    let server = Server::patient(Compat::Docs, Arc::new(MemoryReader::new(calls())), LONG);
    let (token, asked) = (next_reference(), server.clone());
    let reading = tokio::spawn(async move {
        let headers = [("ApiKey", NEW_KEY), ("Llm-Log-Consistent-With", &token)];
        asked.request("POST", "/api/llm-log/count", &headers, &Json::Null).await
    });
    waiting(&server, 1).await;
    server.apply(ReferenceRecord::of(uuid(NEW_KEY), key(PROJECT, NEW_KEY, &["ReadLlmLog"], &[], None)));
    let answered = reading.await.expect("no panic");
    assert_eq!((answered.status.as_u16(), answered.json()), (200, json!({"count": 12})));
    waiting(&server, 0).await;
}

#[tokio::test]
async fn reference_data_that_do_not_come_are_told_after_the_time_given() {
    const TIME: Duration = Duration::from_millis(50);
    let server = Server::patient(Compat::Docs, Arc::new(MemoryReader::new(calls())), TIME);
    let begun = Instant::now();
    let answered = post(&server, "count", &[&next_reference()]).await;
    let text = r#"{"error":"Llm-Log-Consistent-With: the reference data are not read that far yet; ask again"}"#;
    assert_eq!(answered.summary(), (503, text));
    assert_eq!(answered.headers.get("retry-after").expect("a time"), "1");
    assert!(begun.elapsed() >= TIME);
}

#[tokio::test]
async fn reads_that_wait_for_reference_data_are_bounded_and_free_their_place_when_the_client_goes() {
    let server = Server::patient(Compat::Docs, Arc::new(MemoryReader::new(calls())), LONG);
    let ask = || {
        let server = server.clone();
        tokio::spawn(async move { post(&server, "count", &[&next_reference()]).await })
    };
    let reads: Vec<_> = (0..WAITING_READS).map(|_| ask()).collect();
    waiting(&server, WAITING_READS).await;
    let text = r#"{"error":"Llm-Log-Consistent-With: too many reads wait for the log to be read"}"#;
    assert_eq!(ask().await.expect("no panic").summary(), (503, text));
    reads.iter().take(2).for_each(tokio::task::JoinHandle::abort);
    waiting(&server, WAITING_READS - 2).await;
    let late = ask();
    waiting(&server, WAITING_READS - 1).await;
    server.apply(ReferenceRecord::of(uuid(NEW_KEY), key(PROJECT, NEW_KEY, &["ReadLlmLog"], &[], None)));
    assert_eq!(late.await.expect("no panic").status, 200);
    for read in reads.into_iter().skip(2) {
        assert_eq!(read.await.expect("no panic").status, 200);
    }
}

#[tokio::test]
async fn several_readers_wait_each_for_its_own_partitions_and_name_what_nobody_has() {
    let halves = [0..2, 2..PARTITIONS].map(|partitions| Arc::new(MemoryReader::of_partitions(calls(), partitions)));
    let readers = halves.iter().map(|reader| Arc::clone(reader) as Arc<dyn CallReader>).collect();
    let server = Server::patient(Compat::Docs, Arc::new(MergedReader::new(readers)), LONG);
    let token = positions(&[(1, 3), (2, 4)], None);
    assert_eq!(post(&server, "count", &[&token.token()]).await.status, 200);
    for (half, partitions) in halves.iter().zip([BTreeSet::from([0, 1]), BTreeSet::from([2, 3])]) {
        let contexts = half.contexts.lock().expect("nobody panicked").split_off(0);
        let [context] = contexts.as_slice() else { panic!("{contexts:?}") };
        assert_eq!(context.partitions, Some(partitions));
        assert_eq!(context.wait_for.as_ref().map(|wait| &wait.positions), Some(&token));
    }
    let beyond = positions(&[(1, 3), (PARTITIONS, 1), (PARTITIONS + 3, 0)], None).token();
    let text = r#"{"error":"nobody serves the partitions 4, 7"}"#;
    assert_eq!(post(&server, "get-list", &[&beyond]).await.summary(), (503, text));
    // One call needs its own partition only.
    assert_eq!(post(&server, &format!("{}/get-item", id(1)), &[&beyond]).await.status, 200);
    let other = Positions { log: LogId(Uuid::from_u128(0x11)), partitions: BTreeMap::new(), reference: None };
    assert_eq!(post(&server, "count", &[&other.token()]).await.status, 412);
}
