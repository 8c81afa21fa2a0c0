//! The inbox, read by members of a group. Runs when `LLM_LOG_TEST_KAFKA` names a broker.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use event_log::{InboxItem, InboxRecord, KafkaInbox, KafkaOptions};
use rdkafka::ClientConfig;
use rdkafka::admin::AdminOptions;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use testkit::KafkaTopics;

use crate::kafka::{admin, open, options};
use crate::raw_producer;

const WAIT: Duration = Duration::from_millis(100);

fn producer(options: &KafkaOptions) -> BaseProducer {
    ClientConfig::new()
        .set("bootstrap.servers", &options.bootstrap)
        .set("compression.type", "zstd")
        .set("message.max.bytes", "100000000")
        .create()
        .expect("valid settings")
}

fn send(options: &KafkaOptions, producer: &BaseProducer, partition: i32, value: &[u8]) {
    let topic = format!("{}.inbox", options.topic_prefix);
    let headers = OwnedHeaders::new().insert(Header { key: "content-type", value: Some("text/plain") });
    let record = BaseRecord::<(), [u8]>::to(&topic).partition(partition).payload(value).headers(headers);
    producer.send(record).map_err(|(error, _)| error).expect("queued");
    producer.flush(Duration::from_secs(30)).expect("sent");
}

/// Polls every member in turn until `is_enough`.
fn poll_until(members: &mut [&mut KafkaInbox], mut is_enough: impl FnMut(&[InboxItem]) -> bool) -> Vec<InboxItem> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut items = Vec::new();
    while !is_enough(&items) {
        assert!(Instant::now() < deadline, "only {} items came", items.len());
        for member in &mut *members {
            items.extend(member.poll(1 << 20, WAIT).expect("reachable"));
        }
    }
    items
}

fn record(item: &InboxItem) -> &InboxRecord {
    match item {
        InboxItem::Record(record) => record,
        InboxItem::Unreadable(unreadable) => panic!("unreadable: {unreadable:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_comes_again() {
    let Some(options) = options("inbox") else { return };
    open(&options).await;
    let producer = producer(&options);
    for value in ["one", "two", "three"] {
        send(&options, &producer, 2, value.as_bytes());
    }
    let mut inbox = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    let items = poll_until(&mut [&mut inbox], |items| items.len() >= 3);
    let first = record(&items[0]);
    assert_eq!((first.partition, first.offset, first.key.as_ref()), (2, 0, None));
    assert_eq!(first.value, "one");
    assert_eq!(first.headers, [("content-type".to_owned(), "text/plain".into())]);
    assert!(first.timestamp_ms > 1_500_000_000_000, "the broker's time");
    inbox.acknowledge(&BTreeMap::from([(2, 2)])).expect("acknowledged");
    drop(inbox);

    let mut inbox = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    let items = poll_until(&mut [&mut inbox], |items| !items.is_empty());
    assert_eq!(record(&items[0]).value, "three");
}

/// Each broker that can't be reached is a line and an error, which wait in the same queue as what the group says.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_group_says_is_heard_though_hundreds_of_connections_fail() {
    let Some(options) = options("amid") else { return };
    open(&options).await;
    send(&options, &producer(&options), 0, b"one");
    let nobody: Vec<String> = (1..=400).map(|port| format!("127.0.0.1:{port}")).collect();
    let amid = KafkaOptions {
        bootstrap: format!("{},{}", options.bootstrap, nobody.join(",")),
        properties: vec![("enable.sparse.connections".to_owned(), "false".to_owned())],
        ..options.clone()
    };
    let mut inbox = KafkaInbox::open(&amid, &options.topic_prefix).expect("a member");
    let items = poll_until(&mut [&mut inbox], |items| !items.is_empty());
    assert_eq!(record(&items[0]).value, "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_the_broker_deleted_before_they_were_taken_are_named() {
    let Some(options) = options("missed") else { return };
    open(&options).await;
    let producer = producer(&options);
    for value in ["one", "two", "three", "four"] {
        send(&options, &producer, 2, value.as_bytes());
    }
    let mut inbox = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    poll_until(&mut [&mut inbox], |items| items.len() >= 4);
    inbox.acknowledge(&BTreeMap::from([(2, 1)])).expect("acknowledged");
    drop(inbox);
    let topics = KafkaTopics::connect(&options.bootstrap).await.expect("a client");
    topics.delete_before(&format!("{}.inbox", options.topic_prefix), 2, 3).await.expect("deleted");

    let mut inbox = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    let items = poll_until(&mut [&mut inbox], |items| items.len() >= 2);
    let [InboxItem::Unreadable(missed), InboxItem::Record(record)] = &*items else { panic!("{items:?}") };
    assert_eq!((missed.partition, missed.offset), (2, 1));
    assert!(missed.reason.contains("from 1 to just before 3"), "{}", missed.reason);
    assert_eq!((record.offset, &*record.value), (3, &b"four"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_deleted_while_a_member_is_far_behind_are_named() {
    const RECORDS: u64 = 100;
    let Some(options) = options("outrun") else { return };
    open(&options).await;
    let producer = producer(&options);
    send(&options, &producer, 2, b"first");
    let mut inbox = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    poll_until(&mut [&mut inbox], |items| !items.is_empty());
    // More than a member fetches ahead, and nothing that compression makes smaller.
    let mut random = 1_u64;
    let noise = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 56) as u8
    };
    let value: Vec<u8> = std::iter::repeat_with(noise).take(1_000_000).collect();
    (1..RECORDS).for_each(|_| send(&options, &producer, 2, &value));
    let topics = KafkaTopics::connect(&options.bootstrap).await.expect("a client");
    topics.delete_before(&format!("{}.inbox", options.topic_prefix), 2, 99).await.expect("deleted");
    let place = |item: &InboxItem| match item {
        InboxItem::Record(record) => record.offset,
        InboxItem::Unreadable(unreadable) => unreadable.offset,
    };
    let items = poll_until(&mut [&mut inbox], |items| items.iter().any(|item| place(item) == RECORDS - 1));
    let missed: Vec<_> = items.iter().filter(|item| matches!(item, InboxItem::Unreadable(_))).collect();
    let [InboxItem::Unreadable(missed)] = &*missed else { panic!("{missed:?}") };
    assert_eq!(missed.offset, items.len() as u64 - 1, "all before it came");
    let range = format!("from {} to just before {}", missed.offset, RECORDS - 1);
    assert!(missed.reason.contains(&range), "{}", missed.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_begins_again_is_taken_from_its_start() {
    let Some(options) = options("again") else { return };
    open(&options).await;
    for value in ["one", "two", "three", "four", "five"] {
        send(&options, &producer(&options), 2, value.as_bytes());
    }
    let mut inbox = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    poll_until(&mut [&mut inbox], |items| items.len() >= 5);
    let topic = format!("{}.inbox", options.topic_prefix);
    admin(&options).delete_topics(&[&topic], &AdminOptions::new()).await.expect("deleted");
    open(&options).await;
    for value in ["new", "newer", "newest"] {
        send(&options, &producer(&options), 2, value.as_bytes());
    }
    let items = poll_until(&mut [&mut inbox], |items| items.len() >= 3);
    let values: Vec<_> = items.iter().map(|item| String::from_utf8_lossy(&record(item).value).into_owned()).collect();
    assert_eq!(values, ["new", "newer", "newest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_member_takes_over_partitions_and_nothing_is_lost() {
    let Some(options) = options("members") else { return };
    open(&options).await;
    let producer = producer(&options);
    let mut first = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    poll_until(&mut [&mut first], |_| true);
    let mut second = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    let deadline = Instant::now() + Duration::from_mins(1);
    while first.assigned().count() != 2 || second.assigned().count() != 2 {
        assert!(Instant::now() < deadline, "the partitions were not shared");
        for inbox in [&mut first, &mut second] {
            inbox.poll(1 << 20, WAIT).expect("reachable");
        }
    }
    let taken = second.assigned().next().expect("two partitions");
    for partition in 0..4 {
        send(&options, &producer, partition, format!("to {partition}").as_bytes());
    }
    let items = poll_until(&mut [&mut first, &mut second], |items| items.len() >= 4);
    let partitions: BTreeSet<u32> = items.iter().map(|item| record(item).partition).collect();
    assert_eq!(partitions.len(), 4);
    first.acknowledge(&BTreeMap::from([(taken, 1)])).expect("what the group took away is left out");
    drop(second);
    let items = poll_until(&mut [&mut first], |items| items.iter().any(|item| record(item).partition == taken));
    assert!(items.iter().any(|item| record(item).value == format!("to {taken}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_whose_name_is_no_text_is_left_out_and_holds_up_nobody() {
    let Some(options) = options("headers") else { return };
    open(&options).await;
    let topic = format!("{}.inbox", options.topic_prefix);
    raw_producer::send(&options.bootstrap, &topic, 1, b"named in Latin 1", b"pr\xfcfung");
    raw_producer::send(&options.bootstrap, &topic, 1, b"named in UTF-8", "prüfung".as_bytes());
    let mut inbox = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    let items = poll_until(&mut [&mut inbox], |items| items.len() >= 2);
    let (first, second) = (record(&items[0]), record(&items[1]));
    assert_eq!((&first.value[..], &first.headers[..]), (&b"named in Latin 1"[..], &[][..]));
    let header = ("prüfung".to_owned(), "header value".into());
    assert_eq!((&second.value[..], &second.headers[..]), (&b"named in UTF-8"[..], &[header][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_inflated_is_named_and_holds_up_nobody() {
    let Some(mut options) = options("bomb") else { return };
    open(&options).await;
    let producer = producer(&options);
    send(&options, &producer, 1, b"before");
    send(&options, &producer, 1, &vec![b' '; 40_000_000]);
    send(&options, &producer, 1, b"after");
    send(&options, &producer, 0, b"elsewhere");
    // Inflates less than that, instead of a value of more than 512 MiB.
    options.properties = vec![
        ("receive.message.max.bytes".into(), "8000000".into()),
        ("fetch.max.bytes".into(), "4000000".into()),
        ("max.partition.fetch.bytes".into(), "2000000".into()),
    ];
    let mut inbox = KafkaInbox::open(&options, &options.topic_prefix).expect("a member");
    let items = poll_until(&mut [&mut inbox], |items| items.len() >= 4);
    let mut seen = Vec::new();
    for item in &items {
        match item {
            InboxItem::Record(record) => seen.push((record.partition, record.offset, "")),
            InboxItem::Unreadable(unreadable) => {
                assert!(!unreadable.reason.is_empty());
                seen.push((unreadable.partition, unreadable.offset, "unreadable"));
            }
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [(0, 0, ""), (1, 0, ""), (1, 1, "unreadable"), (1, 2, "")]);
}
