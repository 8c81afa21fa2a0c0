//! Where a group is in the inbox, and what it has missed there.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use schemas::positions::Offset;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the group has acknowledged; none when it has nothing yet, or when the broker can't say now.
fn acknowledged<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str, partition: i32) -> Option<Offset> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, partition);
    let committed = consumer.committed_offsets(asked, ANSWER_TIMEOUT).ok()?;
    match committed.find_partition(topic, partition)?.offset() {
        rdkafka::Offset::Offset(offset) => Offset::try_from(offset).ok(),
        _ => None,
    }
}

/// The first record that the partition still has.
fn start<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str, partition: i32) -> Option<Offset> {
    let (low, _) = consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT).ok()?;
    Offset::try_from(low).ok()
}

/// Where the group is in a partition of which nothing was read yet.
pub(super) fn position<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str, partition: i32) -> Option<Offset> {
    acknowledged(consumer, topic, partition).or_else(|| start(consumer, topic, partition))
}

/// The records that were deleted before the group took them: the first of them, and the first that is still there.
/// `read` is the first record that came.
pub(super) fn missed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    read: Offset,
) -> Option<(Offset, Offset)> {
    let wanted = acknowledged(consumer, topic, partition).filter(|wanted| *wanted < read)?;
    // Offsets without a record, such as those of a producer's transactions, were never there.
    let there = start(consumer, topic, partition)?;
    (wanted < there).then_some((wanted, there))
}
