//! Where a group is in the inbox, and what it has missed there.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use schemas::id::Partition;
use schemas::positions::Offset;

use super::super::reader::PROBE_TIMEOUT;

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

/// Asks the group's broker what is acknowledged of a partition, for the sake of an answer.
pub(super) fn ask<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: Partition,
) -> KafkaResult<()> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, i32::try_from(partition).unwrap_or(i32::MAX));
    let answered = consumer.committed_offsets(asked, PROBE_TIMEOUT)?;
    answered.elements().iter().try_for_each(TopicPartitionListElem::error)
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

/// How often the broker is asked whether records were deleted, at most.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Offsets of a partition that were passed over without a record. Most never had one, such as those of a producer's
/// transactions.
#[derive(Debug, Default)]
pub(super) struct Gap {
    /// The longest of those that the broker was not asked about yet.
    passed: Option<(Offset, Offset)>,
    asked: Option<Instant>,
}

impl Gap {
    /// The records that were deleted before the group took them: the first of them, and the first that is still there.
    /// `next` is the one that should have come, if it is known, and `read` the one that did.
    pub(super) fn missed<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        (topic, partition): (&str, i32),
        next: Option<Offset>,
        read: Offset,
    ) -> Option<(Offset, Offset)> {
        let wanted = next.or_else(|| acknowledged(consumer, topic, partition));
        let passed = wanted.filter(|wanted| *wanted < read).map(|wanted| (wanted, read));
        self.passed = self.passed.into_iter().chain(passed).max_by_key(|(from, to)| to - from);
        let (from, to) = self.passed?;
        if self.asked.is_some_and(|asked| asked.elapsed() < ASK_EVERY) {
            return None;
        }
        self.asked = Some(Instant::now());
        let start = start(consumer, topic, partition)?;
        self.passed = None;
        (from < start).then_some((from, start.min(to)))
    }
}
