//! What one look at the queues brings.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use schemas::id::Partition;

use super::errors::{self, Names, is_unreadable};
use super::member::{Assigned, Membership};
use super::{InboxError, InboxItem, InboxRecord, UnreadableRecord, group_offsets};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Polled {
    pub(super) items: Vec<InboxItem>,
    /// Whether a fetch was answered, be it with nothing.
    pub(super) has_fetched: bool,
    pub(super) trouble: Option<InboxError>,
}

impl Polled {
    /// Takes at most about `max_bytes` of what a partition has.
    pub(super) fn drain(
        &mut self,
        consumer: &BaseConsumer<Membership>,
        names: &Names,
        (partition, assigned): (Partition, &mut Assigned),
        max_bytes: usize,
    ) {
        let mut bytes = 0;
        while bytes <= max_bytes {
            match assigned.poll() {
                Some(Ok(record)) => {
                    bytes += record.value.len().max(1);
                    self.take(consumer, assigned, record);
                }
                Some(Err(error)) if is_unreadable(&error) => {
                    let reason = consumer.context().connection.explain(&error);
                    if let Some(unreadable) = pass_over(consumer, &names.topic, partition, assigned, reason) {
                        self.has_fetched = true;
                        self.items.push(InboxItem::Unreadable(unreadable));
                    }
                    return;
                }
                Some(Err(error)) => self.failed(consumer, names, &error),
                None => return,
            }
        }
    }

    /// Hands out a record. One after the next tells whether some before it were deleted and never taken. One before
    /// it may be another than was there when that place was read.
    pub(super) fn take(&mut self, consumer: &BaseConsumer<Membership>, assigned: &mut Assigned, record: InboxRecord) {
        self.has_fetched = true;
        if let Ok(number) = i32::try_from(record.partition)
            && let Some((from, to)) =
                assigned.gap.missed(consumer, (&record.topic, number), assigned.next, record.offset)
        {
            let reason = format!("the records from {from} to just before {to} were deleted before they were taken");
            let (topic, partition) = (record.topic.clone(), record.partition);
            self.items.push(InboxItem::Unreadable(UnreadableRecord { topic, partition, offset: from, reason }));
        }
        if let Some(next) = assigned.next.filter(|next| record.offset < *next) {
            tracing::warn!(
                inbox.partition = record.partition,
                inbox.offset = record.offset,
                "the inbox goes on before {next}: its broker lost records, or it was made again"
            );
        }
        assigned.next = Some(record.offset + 1);
        self.items.push(InboxItem::Record(record));
    }

    /// Notes what an error means: the end of a partition is no trouble, nor is what librdkafka copes with.
    pub(super) fn failed(&mut self, consumer: &BaseConsumer<Membership>, names: &Names, error: &KafkaError) {
        if let KafkaError::PartitionEOF(_) = error {
            self.has_fetched = true;
            return;
        }
        let trouble = errors::lasting(error, names, || consumer.context().connection.explain(error));
        if trouble.is_none() {
            tracing::debug!(error = %error, "the inbox goes on after an error");
        }
        self.trouble = self.trouble.take().or(trouble);
    }
}

/// Goes one record further. None when the broker can't say now where we are; the error comes again.
fn pass_over(
    consumer: &BaseConsumer<Membership>,
    topic: &str,
    partition: Partition,
    assigned: &mut Assigned,
    reason: String,
) -> Option<UnreadableRecord> {
    let number = i32::try_from(partition).ok()?;
    let offset = assigned.next.or_else(|| group_offsets::position(consumer, topic, number))?;
    let next = rdkafka::Offset::Offset(i64::try_from(offset + 1).ok()?);
    if let Err(error) = consumer.seek(topic, number, next, ANSWER_TIMEOUT) {
        tracing::debug!(inbox.partition = partition, error = %error, "an unreadable record could not be passed over yet");
        return None;
    }
    assigned.next = Some(offset + 1);
    Some(UnreadableRecord { topic: topic.to_owned(), partition, offset, reason })
}
