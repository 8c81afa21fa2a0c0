//! The loop over a made-up inbox and an embedded log.

mod status;

use std::collections::{BTreeSet, VecDeque};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use event_log::{
    Bounds, EmbeddedLog, EmbeddedOptions, InboxDraft, InboxRecord, LogReader, LogRecord, NewRecord, Position,
    ReadLogError, UnreadableRecord,
};
use schemas::event::CallEvent;
use schemas::id::LogId;
use schemas::limits::{DEAD_LETTER_BYTES, EVENT_BYTES, MESSAGE_BYTES};
use schemas::time::Clock;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;
use crate::dead_letter::{DeadLetter, Origin};
use crate::limits::IngestLimits;

const PROJECT: &str = "550e8400-e29b-41d4-a716-446655440000";
const CALL: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

#[derive(Debug, Default)]
struct Script {
    batches: VecDeque<Vec<InboxItem>>,
    acknowledged: BTreeMap<Partition, Offset>,
}

#[derive(Debug, Default, Clone)]
struct MadeUpInbox(Arc<(Mutex<Script>, Condvar)>);

impl Inbox for MadeUpInbox {
    fn poll(&mut self, _: usize, wait: Duration) -> Result<Vec<InboxItem>, InboxError> {
        let (script, changed) = &*self.0;
        let script = script.lock().expect("not poisoned");
        let (mut script, _) =
            changed.wait_timeout_while(script, wait, |script| script.batches.is_empty()).expect("not poisoned");
        Ok(script.batches.pop_front().unwrap_or_default())
    }

    fn acknowledge(&mut self, next: &BTreeMap<Partition, Offset>) -> Result<(), InboxError> {
        let (script, changed) = &*self.0;
        script.lock().expect("not poisoned").acknowledged.extend(next);
        changed.notify_all();
        Ok(())
    }
}

/// Runs the loop over these records until all are acknowledged; what the log and the dead letters have then.
fn taken(items: &[InboxItem], deliveries: usize) -> (Vec<CallEvent>, Vec<LogRecord>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = EmbeddedOptions { partitions: 2, clock: Clock::system() };
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(folder.path(), options).expect("the log opens"));
    let ingest = Ingest::new(Arc::clone(&log), LogId(Uuid::nil()), Clock::system(), IngestLimits::default());
    let inbox = MadeUpInbox::default();
    let last: BTreeMap<_, _> =
        items.iter().map(take::position).map(|(partition, offset)| (partition, offset + 1)).collect();
    for _ in 0..deliveries {
        inbox.0.0.lock().expect("not poisoned").batches.push_back(items.to_vec());
    }
    let taking = InboxLoop::run(ingest, inbox.clone(), runtime.handle().clone(), InboxStatus::default())
        .expect("a thread starts");
    let (script, changed) = &*inbox.0;
    let waiting = |script: &mut Script| !script.batches.is_empty() || script.acknowledged != last;
    let deadline = Duration::from_secs(30);
    let start = Instant::now();
    let waited = changed.wait_timeout_while(script.lock().expect("not poisoned"), deadline, waiting);
    drop(waited.expect("not poisoned"));
    assert!(start.elapsed() < deadline, "the inbox was not acknowledged");
    drop(taking);
    let events = records(&runtime, &*log, Topic::Calls)
        .iter()
        .map(|record| CallEvent::decode(record.value.as_deref().expect("a value")).expect("a complete event"))
        .collect();
    (events, records(&runtime, &*log, Topic::DeadLetters))
}

fn records(runtime: &tokio::runtime::Runtime, log: &dyn EventLog, topic: Topic) -> Vec<LogRecord> {
    let mut records = Vec::new();
    for partition in 0..log.partitions(topic) {
        let bounds = runtime.block_on(log.bounds(topic, partition)).expect("reachable");
        let mut next = bounds.start;
        let mut reader = log.reader(topic, &BTreeMap::from([(partition, next)])).expect("readable");
        while next < bounds.end {
            let batch = reader.read(1 << 20, Duration::from_millis(10)).expect("readable");
            next = batch.next.get(&partition).copied().unwrap_or(next);
            records.extend(batch.records);
        }
    }
    records
}

fn record(offset: Offset, value: impl Into<Bytes>) -> InboxRecord {
    InboxRecord {
        topic: "llm-log.inbox".into(),
        partition: 3,
        offset,
        timestamp_ms: 1_772_344_800_000,
        key: None,
        value: value.into(),
        headers: Vec::new(),
    }
}

fn object(extra: &str) -> String {
    format!(r#"{{"projectId":"{PROJECT}","status":"Success"{extra}}}"#)
}

fn header(name: &str, value: &str) -> (String, Bytes) {
    (name.to_owned(), Bytes::from(value.to_owned()))
}

#[test]
fn structured_binary_and_plain_objects_become_events_of_the_log() {
    let structured = format!(
        r#"{{"specversion":"1.0","id":"s","source":"them","type":"llm-log.call.started","subject":"{CALL}","data":{{"projectId":"{PROJECT}"}}}}"#
    );
    let mut binary = record(1, object(""));
    binary.headers = vec![
        header("ce_specversion", "1.0"),
        header("ce_id", "b"),
        header("ce_source", "them"),
        header("ce_type", "llm-log.call.completed"),
        header("ce_subject", &CALL.to_uppercase()),
        header("content-type", "application/json"),
    ];
    let mut keyed = record(2, object(""));
    keyed.key = Some(Bytes::from(format!("{{{}}}", CALL.to_uppercase())));
    let mut both = record(3, structured.replace("\"s\"", "\"t\""));
    both.headers = binary.headers.clone();
    both.headers[5] = header("Content-Type", "application/cloudevents+json; charset=utf-8");
    let items = [record(0, structured), binary, keyed, both, record(4, object(""))].map(InboxItem::Record);

    let (events, letters) = taken(&items, 1);
    assert!(letters.is_empty(), "{letters:?}");
    let of_call: Vec<_> =
        events.iter().filter(|event| event.key.call.to_string() == CALL).map(|event| event.event_type.name()).collect();
    assert_eq!(of_call, ["started", "completed", "recorded", "started"]);
    let unnamed = events.iter().find(|event| event.key.call.to_string() != CALL).expect("the fourth");
    assert_eq!((unnamed.time.0, &*unnamed.source), (1_772_344_800_000_000, "llm-log-inbox"));
}

#[test]
fn a_key_that_is_the_events_own_project_is_no_call_id() {
    let keyed = |offset: Offset, key: String| {
        let record = record(offset, object(&format!(r#","totalTokens":{offset}"#)));
        InboxItem::Record(InboxRecord { key: Some(Bytes::from(key)), ..record })
    };
    let items = [
        keyed(0, PROJECT.to_owned()),
        keyed(1, PROJECT.to_owned()),
        keyed(2, format!("{{{}}}", PROJECT.to_uppercase())),
        keyed(3, CALL.to_owned()),
    ];
    let (events, letters) = taken(&items, 2);
    assert!(letters.is_empty(), "{letters:?}");
    let calls: BTreeSet<String> = events.iter().map(|event| event.key.call.to_string()).collect();
    assert_eq!((events.len(), calls.len()), (8, 4), "each record is a call of its own, delivered twice or not");
    assert!(calls.contains(CALL) && !calls.contains(PROJECT), "{calls:?}");
}

/// A log that tells of each append and lets it pass one by one.
#[derive(Debug)]
struct HeldLog {
    log: Arc<dyn EventLog>,
    asked: Mutex<Sender<Topic>>,
    passes: Semaphore,
}

#[async_trait]
impl EventLog for HeldLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        self.asked.lock().expect("not poisoned").send(topic).expect("the test listens");
        self.passes.acquire().await.expect("open").forget();
        self.log.append(topic, records).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
        self.log.bounds(topic, partition).await
    }

    fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
        self.log.reader(topic, from)
    }
}

#[test]
fn nothing_is_acknowledged_before_its_event_is_in_the_log_and_its_letter_among_the_letters() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = EmbeddedOptions { partitions: 2, clock: Clock::system() };
    let log = Arc::new(EmbeddedLog::open(folder.path(), options).expect("the log opens"));
    let (asked, appends) = channel();
    let held = Arc::new(HeldLog { log, asked: Mutex::new(asked), passes: Semaphore::new(0) });
    let ingest = Ingest::new(Arc::clone(&held) as _, LogId(Uuid::nil()), Clock::system(), IngestLimits::default());
    let inbox = MadeUpInbox::default();
    let items = vec![InboxItem::Record(record(0, object(""))), InboxItem::Record(record(1, "no JSON"))];
    let (script, changed) = &*inbox.0;
    script.lock().expect("not poisoned").batches.push_back(items);
    let taking = InboxLoop::run(ingest, inbox.clone(), runtime.handle().clone(), InboxStatus::default())
        .expect("a thread starts");
    let deadline = Duration::from_secs(30);
    for topic in [Topic::Calls, Topic::DeadLetters] {
        assert_eq!(appends.recv_timeout(deadline), Ok(topic));
        assert_eq!(script.lock().expect("not poisoned").acknowledged, BTreeMap::new());
        held.passes.add_permits(1);
    }
    let is_not_yet = |script: &mut Script| script.acknowledged != BTreeMap::from([(3, 2)]);
    let waited = changed.wait_timeout_while(script.lock().expect("not poisoned"), deadline, is_not_yet);
    assert!(!waited.expect("not poisoned").1.timed_out(), "the inbox was not acknowledged");
    drop(taking);
}

#[test]
fn a_record_that_is_delivered_twice_is_the_same_event_and_the_same_letter() {
    let items = [InboxItem::Record(record(0, object(""))), InboxItem::Record(record(1, "no JSON"))];
    let (events, letters) = taken(&items, 2);
    assert_eq!(events.len(), 2);
    assert_eq!(events.first(), events.last());
    assert_eq!(letters.len(), 2);
    assert_eq!(letters.first().map(|letter| &letter.key), letters.last().map(|letter| &letter.key));
}

#[test]
fn what_can_not_be_taken_is_a_letter_with_reason_place_and_bytes_and_stops_nothing() {
    let typed = |name: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"e","source":"s","type":"llm-log.call.{name}","subject":"{CALL}","data":{{"projectId":"{PROJECT}"}}}}"#
        )
    };
    let bad: Vec<Bytes> = vec![
        "no JSON".into(),
        "".into(),
        "[]".into(),
        r#"{"status":"Success"}"#.into(),
        typed("erased").into(),
        typed("abandoned").into(),
        typed("unheard-of").into(),
        object(r#","totalTokens":"many""#).into(),
        object(r#","status":"Error""#).into(),
        Bytes::from_static(b"\xff\xfe"),
    ];
    let mut items: Vec<_> =
        (0..).zip(&bad).map(|(offset, value)| InboxItem::Record(record(offset, value.clone()))).collect();
    let unreadable =
        UnreadableRecord { topic: "llm-log.inbox".into(), partition: 3, offset: 90, reason: "inflate".into() };
    items.push(InboxItem::Unreadable(unreadable));
    items.push(InboxItem::Record(record(91, object(""))));

    let (events, letters) = taken(&items, 1);
    assert_eq!(events.len(), 1);
    let values: Vec<_> = letters.iter().filter_map(|letter| letter.value.clone()).collect();
    assert_eq!(values, [bad, vec![Bytes::new()]].concat());
    for (letter, offset) in letters.iter().zip((0..10).chain([90])) {
        let header = |wanted: &str| {
            let found = letter.headers.iter().find(|(name, _)| name == wanted);
            String::from_utf8_lossy(&found.expect("the header").1).into_owned()
        };
        assert_eq!(header("llm-log-source-offset"), offset.to_string());
        assert_eq!(header("llm-log-source-partition"), "3");
        assert!(!header("llm-log-reason").is_empty());
    }
}

#[test]
fn a_record_that_is_too_large_leaves_its_beginning_size_and_digest() {
    let large = vec![b'x'; EVENT_BYTES + 1];
    let (events, letters) = taken(&[InboxItem::Record(record(0, large))], 1);
    assert!(events.is_empty());
    let letter = letters.first().expect("one letter");
    assert_eq!(letter.value.as_ref().map(Bytes::len), Some(DEAD_LETTER_BYTES));
    let names: Vec<_> = letter.headers.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["llm-log-cut", "llm-log-source-bytes", "llm-log-source-sha256"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
}

#[test]
fn a_binary_record_has_no_more_attributes_than_an_event_may_have() {
    let with = |offset: Offset, attributes: usize| {
        let mut record = record(offset, object(""));
        record.headers = vec![
            header("ce_specversion", "1.0"),
            header("ce_source", "them"),
            header("ce_type", "llm-log.call.completed"),
        ];
        record.headers.extend((3..attributes).map(|at| header(&format!("ce_x{at}"), "")));
        InboxItem::Record(record)
    };
    let (events, letters) = taken(&[with(0, 1000), with(1, 1001), with(2, 100_000)], 1);
    assert_eq!((events.len(), letters.len()), (1, 2));
    for letter in &letters {
        let letter = DeadLetter::read(letter).expect("a letter").expect("not deleted");
        assert!(letter.reason.contains("at most 1000 attributes"), "{}", letter.reason);
    }
}

#[test]
fn a_record_whose_letter_would_be_larger_than_a_message_leaves_what_fits() {
    let mut keyed = record(0, "no JSON");
    keyed.key = Some(Bytes::from(vec![b'k'; MESSAGE_BYTES]));
    let mut headed = record(1, vec![b'v'; EVENT_BYTES]);
    headed.headers = vec![header("trace", &"h".repeat(2 * 1024 * 1024)), header("small", "kept?")];
    let misnamed = record(2, format!(r#"{{"{0}":1,"{0}":2}}"#, "n".repeat(4 * 1024 * 1024)));
    let mut many = record(3, vec![b'v'; EVENT_BYTES]);
    many.headers = vec![header("h", ""); 100_000];
    let (events, letters) = taken(&[keyed, headed, misnamed, many].map(InboxItem::Record), 1);
    assert_eq!((events.len(), letters.len()), (0, 4));
    for letter in &letters {
        assert!(letter.headers.iter().any(|(name, _)| name == "llm-log-reason"), "{letter:?}");
    }
}

#[test]
fn a_record_with_a_time_that_no_calendar_has_is_a_letter() {
    let mut items = [record(0, object("")), record(1, object("")), record(2, object(""))];
    items[0].timestamp_ms = i64::MAX;
    items[1].timestamp_ms = -100_000_000_000_000;
    let (events, letters) = taken(&items.map(InboxItem::Record), 1);
    assert_eq!((events.len(), letters.len()), (1, 2));
}

/// The record that sending a letter again brings to the inbox.
fn sent_again(letter: &LogRecord, offset: Offset) -> InboxItem {
    let letter = DeadLetter::read(letter).expect("a letter").expect("not deleted");
    let InboxDraft { key, value, headers } = letter.redrive().expect("it is whole");
    let timestamp_ms = 1_800_000_000_000;
    InboxItem::Record(InboxRecord { key, headers, timestamp_ms, ..record(offset, value) })
}

#[test]
fn a_letter_that_is_sent_again_and_refused_again_is_the_same_letter() {
    let mut refused = record(0, "no JSON");
    refused.key = Some(Bytes::from_static(b"\xffkey"));
    refused.headers = vec![header("trace", "1"), header("trace", "2"), header("llm-log-reason", "forged")];
    let (_, letters) = taken(&[InboxItem::Record(refused.clone())], 1);
    let InboxItem::Record(again) = sent_again(&letters[0], 40) else { panic!("a record") };
    assert_eq!((&again.key, &again.value), (&refused.key, &refused.value));
    assert_eq!(again.headers[..2], refused.headers[..2], "what is named as ours is not the producer's");
    let (_, twice) = taken(&[sent_again(&letters[0], 40), sent_again(&letters[0], 41)], 1);
    for letter in twice {
        assert_eq!(
            (&letter.key, &letter.headers, &letter.value),
            (&letters[0].key, &letters[0].headers, &letters[0].value)
        );
    }
}

#[test]
fn a_letter_that_is_sent_again_and_taken_is_one_event_of_the_time_it_first_came() {
    let valid = record(0, object(""));
    let letter = Letter::of_record(valid.clone(), Origin::of(&valid), &letter::Reason::Unreadable("before".into()));
    let letter = letter.record(LogId(Uuid::nil()), MESSAGE_BYTES);
    let letter = LogRecord {
        position: Position { partition: 0, offset: 0 },
        timestamp_ms: 0,
        key: letter.key,
        value: letter.value,
        headers: letter.headers,
    };
    let items = [InboxItem::Record(valid), sent_again(&letter, 40), sent_again(&letter, 41)];
    let (events, letters) = taken(&items, 1);
    assert!(letters.is_empty(), "{letters:?}");
    assert!(events.iter().all(|event| event == &events[0]), "{events:?}");
    assert_eq!((events.len(), events[0].time.0), (3, 1_772_344_800_000_000));
}

#[test]
fn a_letter_that_is_not_whole_is_not_sent_again() {
    let large = InboxItem::Record(record(0, vec![b'x'; EVENT_BYTES + 1]));
    let unreadable = UnreadableRecord { topic: "t".into(), partition: 3, offset: 9, reason: "inflate".into() };
    let (_, letters) = taken(&[large, InboxItem::Unreadable(unreadable)], 1);
    let letters: Vec<_> =
        letters.iter().map(|record| DeadLetter::read(record).expect("a letter").expect("one")).collect();
    let missing: Vec<_> = letters.iter().map(|letter| letter.redrive().expect_err("cut").missing).collect();
    assert_eq!(missing, ["end of the value", "value"]);
    let bytes: Vec<_> = letters.iter().map(|letter| letter.source_bytes).collect();
    assert_eq!(bytes, [Some(EVENT_BYTES as u64 + 1), None]);
}
