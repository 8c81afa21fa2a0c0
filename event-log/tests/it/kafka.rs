//! The log on Kafka: the common suite, and what is its own. Runs when `LLM_LOG_TEST_KAFKA` names a broker.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_log::{
    AppendError, EventLog as _, KafkaLog, KafkaOptions, NewRecord, OpenKafkaError, ReadLogError, Topic, TopicError,
};
use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::suite::{self, read_exactly, record, values};

/// Options for topics that no other test uses; none when there is no broker.
pub(crate) fn options(name: &str) -> Option<KafkaOptions> {
    let mut options = KafkaOptions::new(testkit::kafka_or_skip()?);
    options.topic_prefix = testkit::unique_topic_prefix(name);
    options.partitions = 4;
    options.startup_timeout = Some(Duration::from_secs(30));
    Some(options)
}

pub(crate) async fn open(options: &KafkaOptions) -> KafkaLog {
    KafkaLog::open(options.clone()).await.expect("the log opens")
}

pub(crate) fn admin(options: &KafkaOptions) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &options.bootstrap).create().expect("valid settings")
}

macro_rules! suite {
    ($($promise:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            let Some(options) = options("log") else { return };
            suite::$promise(&open(&options).await).await;
        })*
    };
}

suite! {
    records_come_back_as_they_went_in
    a_reader_starts_in_the_middle_and_sees_what_comes_later
    a_reader_names_the_ends_of_its_partitions_whatever_it_has_read
    concurrent_appends_keep_their_own_order
    a_record_of_eight_mebibytes_is_kept
    a_record_larger_than_a_message_is_refused_with_all_that_came_with_it
    a_position_beyond_the_end_is_refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_opened_again_keeps_its_partitions_and_records() {
    let Some(mut options) = options("again") else { return };
    open(&options).await.append(Topic::Calls, vec![record(3, "a")]).await.expect("appended");
    options.partitions = 9;
    let log = open(&options).await;
    assert_eq!(log.partitions(Topic::Calls), 4);
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(3, 0)])).expect("readable");
    assert_eq!(values(&read_exactly(&mut *reader, 1)), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_the_broker_deleted_are_a_gap() {
    let Some(options) = options("gap") else { return };
    let log = open(&options).await;
    let records = (0..10).map(|n| record(1, &n.to_string())).collect();
    log.append(Topic::Calls, records).await.expect("appended");
    let mut open_before = log.reader(Topic::Calls, &BTreeMap::from([(1, 6)])).expect("readable");
    let mut deleted = TopicPartitionList::new();
    let topic = format!("{}.calls", options.topic_prefix);
    deleted.add_partition_offset(&topic, 1, rdkafka::Offset::Offset(4)).expect("an offset");
    admin(&options).delete_records(&deleted, &AdminOptions::new()).await.expect("deleted");

    assert_eq!(values(&read_exactly(&mut *open_before, 4)), ["6", "7", "8", "9"], "nothing it needs is gone");
    let outcome = log.reader(Topic::Calls, &BTreeMap::from([(1, 2)]));
    assert!(matches!(outcome, Err(ReadLogError::Gap { partition: 1, wanted: 2, start: 4 })), "{outcome:?}");
    assert_eq!(log.bounds(Topic::Calls, 1).await.expect("reachable").start, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_into_an_empty_partition_after_a_while_is_read() {
    let Some(options) = options("while") else { return };
    let log = open(&options).await;
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(0, 0)])).expect("readable");
    assert_eq!(values(&reader.read(1 << 20, Duration::from_secs(1)).expect("readable").records), [""; 0]);
    log.append(Topic::Calls, vec![record(0, "first")]).await.expect("appended");
    assert_eq!(values(&read_exactly(&mut *reader, 1)), ["first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_hands_out_nothing_of_a_topic_that_was_made_again() {
    for read_before in [3, 0] {
        let Some(options) = options("remade") else { return };
        let old = (0..3).map(|n| record(1, &format!("old {n}"))).collect();
        let log = open(&options).await;
        log.append(Topic::Calls, old).await.expect("appended");
        let from = 3 - read_before;
        let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(1, from)])).expect("readable");
        if read_before > 0 {
            read_exactly(&mut *reader, 3);
        }
        let mut next = || reader.read(1 << 20, Duration::from_secs(1));
        assert_eq!(values(&next().expect("readable").records), [""; 0], "it has read to the end");
        let topic = format!("{}.calls", options.topic_prefix);
        admin(&options).delete_topics(&[&topic], &AdminOptions::new()).await.expect("deleted");
        let new = (0..9).map(|n| record(1, &format!("new {n}"))).collect();
        open(&options).await.append(Topic::Calls, new).await.expect("appended");

        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match next() {
                Ok(batch) => assert_eq!(values(&batch.records), [""; 0]),
                Err(ReadLogError::Unavailable { .. }) => break,
                Err(error) => panic!("{error}"),
            }
            assert!(Instant::now() < deadline, "it takes the topic for the one that it has read");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_would_lose_records_is_refused_by_name() {
    let forever = ("retention.ms", "-1");
    for (topic, settings, dangerous) in [
        ("calls", vec![("retention.ms", "604800000")], 0),
        ("calls", vec![forever, ("retention.bytes", "1000000")], 1),
        ("calls", vec![forever, ("cleanup.policy", "compact")], 1),
        ("calls", vec![forever, ("cleanup.policy", "compact,delete")], 1),
        ("reference", vec![("cleanup.policy", "compact,delete"), ("retention.ms", "604800000")], 1),
        ("dead-letters", vec![("retention.ms", "604800000")], 0),
        ("inbox", vec![("cleanup.policy", "compact")], 0),
    ] {
        let Some(options) = options("lossy") else { return };
        let name = format!("{}.{topic}", options.topic_prefix);
        let new = NewTopic::new(&name, 1, TopicReplication::Fixed(1));
        let new = settings.iter().fold(new, |new, (setting, value)| new.set(setting, value));
        admin(&options).create_topics([&new], &AdminOptions::new()).await.expect("made");
        let Err(OpenKafkaError::Topic(TopicError::Dangerous { topic: found, setting, value })) =
            KafkaLog::open(options).await
        else {
            panic!("{topic} was taken with {settings:?}");
        };
        assert_eq!((found, (setting, value.as_str())), (name, settings[dangerous]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_larger_than_its_topic_takes_is_refused_before_it_is_sent() {
    let Some(options) = options("small") else { return };
    let name = format!("{}.calls", options.topic_prefix);
    let small = NewTopic::new(&name, 4, TopicReplication::Fixed(1));
    let small = small.set("retention.ms", "-1").set("max.message.bytes", "100000");
    admin(&options).create_topics([&small], &AdminOptions::new()).await.expect("made");
    let log = open(&options).await;
    let greatest = log.record_bytes_max(Topic::Calls);
    assert!(log.record_bytes_max(Topic::DeadLetters) > 9_000_000, "each topic has a size of its own");
    assert!((90_000..100_000).contains(&greatest), "{greatest}");
    // Nothing that compression makes smaller.
    let noise = |bytes: usize| {
        let mut state = 1_u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        Bytes::from(std::iter::repeat_with(next).take(bytes).collect::<Vec<_>>())
    };
    let of = |bytes: usize| NewRecord { value: Some(noise(bytes)), ..record(0, "") };
    let fitting = of(greatest - of(0).bytes());
    log.append(Topic::Calls, vec![fitting.clone(); 20]).await.expect("appended");
    let outcome = log.append(Topic::Calls, vec![fitting, of(greatest + 1)]).await;
    assert!(matches!(outcome, Err(AppendError::Refused { .. })), "{outcome:?}");
    let many_headers = NewRecord { headers: vec![("h".to_owned(), Bytes::new()); 30_000], ..of(40_000) };
    let outcome = log.append(Topic::Calls, vec![many_headers]).await;
    let Err(AppendError::Refused { reason }) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("is larger than the greatest that the topic takes"), "{reason}");
    assert_eq!(log.bounds(Topic::Calls, 0).await.expect("reachable").end, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn control_records_are_passed_over() {
    let Some(options) = options("control") else { return };
    let log = open(&options).await;
    let (topic, id) = (format!("{}.calls", options.topic_prefix), options.topic_prefix.clone());
    let bootstrap = options.bootstrap.clone();
    let transaction = tokio::task::spawn_blocking(move || {
        let timeout = Duration::from_secs(30);
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("transactional.id", id)
            .create()
            .expect("valid settings");
        producer.init_transactions(timeout).expect("a coordinator");
        for (value, is_kept) in [("kept", true), ("dropped", false)] {
            producer.begin_transaction().expect("begun");
            producer.send(BaseRecord::to(&topic).partition(0).key("k").payload(value)).expect("queued");
            producer.flush(timeout).expect("sent");
            if is_kept { producer.commit_transaction(timeout) } else { producer.abort_transaction(timeout) }
                .expect("ended");
        }
    });
    transaction.await.expect("no panic");

    // Two records and two markers; the broker writes a marker after it has answered.
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut end = 0;
    while end < 4 {
        assert!(Instant::now() < deadline, "the log ends at {end}");
        end = log.bounds(Topic::Calls, 0).await.expect("reachable").end;
    }
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(0, 0)])).expect("readable");
    let (mut read, mut next) = (Vec::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(30);
    while next < end {
        assert!(Instant::now() < deadline, "the reader stays at {next} of {end}");
        let batch = reader.read(1 << 20, Duration::from_millis(100)).expect("readable");
        next = batch.next.get(&0).copied().unwrap_or(next);
        read.extend(batch.records);
    }
    assert_eq!(values(&read), ["kept"]);
    log.append(Topic::Calls, vec![record(0, "later")]).await.expect("appended");
    assert_eq!(values(&read_exactly(&mut *reader, 1)), ["later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_misspelt_is_named_without_its_value() {
    let mut options = KafkaOptions::new("127.0.0.1:1");
    options.properties = vec![("sasl.pasword".into(), "hunter2".into())];
    let error = KafkaLog::open(options).await.expect_err("there is no such setting").to_string();
    assert!(error.contains("sasl.pasword") && !error.contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_at_start_is_named() {
    let mut options = KafkaOptions::new("127.0.0.1:1");
    options.startup_timeout = Some(Duration::ZERO);
    let error = KafkaLog::open(options).await.expect_err("nobody listens there");
    assert!(error.to_string().starts_with("Kafka does not answer at 127.0.0.1:1: "), "{error}");
}
