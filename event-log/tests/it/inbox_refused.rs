//! An inbox that may not be read, or whose broker is away, on a broker of the test's own. Runs when
//! `LLM_LOG_TEST_KAFKA` names a broker, so that one can be started.

use std::time::{Duration, Instant};

use bytes::Bytes;
use event_log::{InboxDraft, InboxError, InboxItem, KafkaInbox, KafkaLog, KafkaOptions};
use testkit::{Broker, wait_until};

use crate::kafka::open;

const WAIT: Duration = Duration::from_millis(100);

/// Polls until an answer is as wanted.
fn poll_until<T>(
    inbox: &mut KafkaInbox,
    mut wanted: impl FnMut(&Result<Vec<InboxItem>, InboxError>) -> Option<T>,
) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let answer = inbox.poll(1 << 20, WAIT);
        if let Some(found) = wanted(&answer) {
            return found;
        }
        assert!(Instant::now() < deadline, "the last answer was {answer:?}");
        if answer.is_err() {
            std::thread::park_timeout(WAIT);
        }
    }
}

fn values(answer: &Result<Vec<InboxItem>, InboxError>) -> Option<Vec<Bytes>> {
    let items = answer.as_ref().ok().filter(|items| !items.is_empty())?;
    let value = |item: &InboxItem| if let InboxItem::Record(record) = item { Some(record.value.clone()) } else { None };
    Some(items.iter().filter_map(value).collect())
}

async fn send(log: &KafkaLog, value: &'static str) {
    let draft = InboxDraft { key: None, value: Bytes::from_static(value.as_bytes()), headers: Vec::new() };
    log.send_to_inbox(&draft).await.expect("sent");
}

/// A broker of the test's own and a log on it; none when no broker can be started.
async fn start() -> Option<(Broker, KafkaOptions, KafkaLog)> {
    testkit::kafka_or_skip()?;
    let broker = Broker::started().await.expect("the broker starts");
    let options = KafkaOptions { partitions: 2, ..KafkaOptions::new(broker.bootstrap()) };
    let log = open(&options).await;
    Some((broker, options, log))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_may_not_be_read_names_the_right_that_is_missing_until_it_is_granted() {
    let Some((broker, options, log)) = start().await else { return };
    let (topic, group) = ("llm-log.inbox", "llm-log.ingest");
    send(&log, "one").await;

    broker.leave_only("Describe", "group", group).await.expect("told");
    let mut inbox = KafkaInbox::open(&options, group).expect("a member");
    let refused = InboxError::GroupRefused { group: group.into() };
    poll_until(&mut inbox, |answer| (answer.as_ref().err() == Some(&refused)).then_some(()));
    assert_eq!(inbox.poll(1 << 20, WAIT).err(), Some(refused), "it is said as long as it lasts");
    broker.give_back("group", group).await.expect("told");
    assert_eq!(poll_until(&mut inbox, values), ["one"]);
    assert!(inbox.poll(1 << 20, WAIT).is_ok());

    broker.leave_only("Describe", "topic", topic).await.expect("told");
    let refused = InboxError::TopicRefused { topic: topic.into() };
    poll_until(&mut inbox, |answer| (answer.as_ref().err() == Some(&refused)).then_some(()));
    // The group lets it in again, and it is refused again. What it says between is the same.
    for is_in in [true, false, true] {
        wait_until("it is in the group, or left it", Duration::from_mins(1), || {
            assert_eq!(inbox.poll(1 << 20, WAIT).err(), Some(refused.clone()), "it is said as long as it lasts");
            (inbox.assigned().count() > 0) == is_in
        });
    }
    broker.give_back("topic", topic).await.expect("told");
    assert_eq!(poll_until(&mut inbox, values), ["one"], "nothing was acknowledged");

    let mut others = [(); 2].map(|()| KafkaInbox::open(&options, group).expect("a member"));
    wait_until("one of three members has none of the two partitions", Duration::from_mins(1), || {
        let members = std::iter::once(&mut inbox).chain(&mut others);
        let counts: Vec<_> = members
            .map(|member| {
                member.poll(1 << 20, WAIT).expect("a member with nothing to read is well");
                member.assigned().count()
            })
            .collect();
        counts.iter().sum::<usize>() == 2 && counts.iter().all(|count| *count < 2)
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_inbox_says_that_its_broker_is_away_until_it_is_back() {
    let Some((broker, options, log)) = start().await else { return };
    let mut inbox = KafkaInbox::open(&options, "llm-log.ingest").expect("a member");
    send(&log, "one").await;
    assert_eq!(poll_until(&mut inbox, values), ["one"]);
    broker.pause().await.expect("it hangs");
    let is_away = |answer: &Result<_, _>| matches!(answer, Err(InboxError::Away { .. })).then_some(());
    poll_until(&mut inbox, is_away);
    assert_eq!(is_away(&inbox.poll(1 << 20, WAIT)), Some(()), "it is said as long as it lasts");
    broker.resume().await.expect("it goes on");
    poll_until(&mut inbox, |answer| answer.is_ok().then_some(()));
    send(&log, "two").await;
    poll_until(&mut inbox, |answer| values(answer).filter(|values| values.contains(&"two".into())));
}
