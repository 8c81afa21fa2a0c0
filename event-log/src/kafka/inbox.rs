//! The inbox: what producers of any make sent, read as a member of a group.

mod place;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{ClientContext, TopicPartitionList};
use schemas::id::Partition;
use schemas::positions::Offset;

use self::place::Gap;
use super::connection::{Connection, refusal};
use super::message::headers;
use super::options::KafkaOptions;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the group's own events may wait while no partition has records.
const GROUP_EVENTS: Duration = Duration::from_millis(100);

/// A record of the inbox.
#[derive(Debug, Clone)]
pub struct InboxRecord {
    pub topic: String,
    pub partition: Partition,
    pub offset: Offset,
    /// When the broker took it, in milliseconds since 1970.
    pub timestamp_ms: i64,
    pub key: Option<Bytes>,
    /// Empty for a record without a value.
    pub value: Bytes,
    pub headers: Vec<(String, Bytes)>,
}

/// A place of the inbox whose bytes can't be had, such as one in a batch that can't be inflated, or the first of those
/// that the broker deleted before they were taken.
#[derive(Debug, Clone)]
pub struct UnreadableRecord {
    pub topic: String,
    pub partition: Partition,
    pub offset: Offset,
    pub reason: String,
}

/// What the inbox brings.
#[derive(Debug, Clone)]
pub enum InboxItem {
    Record(InboxRecord),
    Unreadable(UnreadableRecord),
}

/// Why the inbox can't be read or acknowledged now. Trying again may help.
#[derive(Debug, thiserror::Error)]
#[error("the inbox can't be reached: {reason}")]
pub struct InboxError {
    pub reason: String,
}

#[derive(Debug, Default)]
struct Changes {
    assigned: Vec<Partition>,
    revoked: Vec<Partition>,
}

/// The member's context: notes what the group assigns to us and takes away.
#[derive(Debug, Default)]
struct Membership {
    connection: Connection,
    changes: Mutex<Changes>,
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.connection.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.error(error, reason);
    }
}

impl ConsumerContext for Membership {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let partitions = |list: &TopicPartitionList| -> Vec<Partition> {
            list.elements().iter().filter_map(|element| Partition::try_from(element.partition()).ok()).collect()
        };
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        match rebalance {
            Rebalance::Assign(list) => changes.assigned.extend(partitions(list)),
            Rebalance::Revoke(list) => {
                let revoked = partitions(list);
                changes.assigned.retain(|partition| !revoked.contains(partition));
                changes.revoked.extend(revoked);
            }
            Rebalance::Error(error) => tracing::debug!(error = %error, "the group could not be balanced"),
        }
    }
}

/// Wakes whoever waits for records of any partition.
#[derive(Debug, Default)]
struct Signal {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn set(&self) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self, timeout: Duration) {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_set, timeout, |is_set| !*is_set);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

struct Assigned {
    queue: PartitionQueue<Membership>,
    /// The next offset to come, once one is known.
    next: Option<Offset>,
    gap: Gap,
}

/// Reads the inbox as a member of a group. Each partition has a queue of its own, so that one that can't be read
/// does not hold up the others.
pub struct KafkaInbox {
    // Before the consumer, which they need while they are dropped.
    partitions: BTreeMap<Partition, Assigned>,
    consumer: Arc<BaseConsumer<Membership>>,
    topic: String,
    signal: Arc<Signal>,
}

impl KafkaInbox {
    /// Joins the group. Needs the topic, which [`super::KafkaLog::open`] makes.
    pub fn open(options: &KafkaOptions, group: &str) -> Result<Self, InboxError> {
        let failed = |error: KafkaError| InboxError { reason: error.to_string() };
        let consumer = BaseConsumer::from_config_and_context(&options.member(group), Membership::default());
        let mut consumer: BaseConsumer<Membership> = consumer.map_err(|error| InboxError { reason: refusal(error) })?;
        let signal = Arc::new(Signal::default());
        let wake = Arc::clone(&signal);
        consumer.set_nonempty_callback(move || wake.set());
        let topic = options.inbox();
        consumer.subscribe(&[&topic]).map_err(failed)?;
        Ok(Self { partitions: BTreeMap::new(), consumer: Arc::new(consumer), topic, signal })
    }

    /// The partitions that the group has given us.
    pub fn assigned(&self) -> impl Iterator<Item = Partition> + '_ {
        self.partitions.keys().copied()
    }

    /// Waits until there are records, or `wait` has passed. At most about `max_bytes` of them, of each partition in
    /// the order of the offsets.
    pub fn poll(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<InboxItem>, InboxError> {
        let deadline = Instant::now() + wait;
        let mut items = Vec::new();
        loop {
            let mut left = max_bytes;
            self.serve_group(&mut items, &mut left)?;
            // A share for each, so that a long partition can't starve the others.
            let share = left / self.partitions.len().max(1);
            for (partition, assigned) in &mut self.partitions {
                drain(&self.consumer, &self.topic, *partition, assigned, share, &mut items);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !items.is_empty() || left.is_zero() {
                return Ok(items);
            }
            self.signal.wait(left.min(GROUP_EVENTS));
        }
    }

    /// Serves rebalances and reads what came before a partition had its own queue.
    fn serve_group(&mut self, items: &mut Vec<InboxItem>, left: &mut usize) -> Result<(), InboxError> {
        loop {
            let polled = self.consumer.poll(Duration::ZERO).map(|message| message.map(|message| read(&message)));
            self.take_changes();
            match polled {
                Some(Ok(record)) => {
                    *left = left.saturating_sub(record.value.len());
                    if let Some(assigned) = self.partitions.get_mut(&record.partition) {
                        take(&self.consumer, assigned, record, items);
                    }
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(InboxError { reason: self.consumer.context().connection.explain(&error) });
                }
                Some(Err(error)) => tracing::debug!(error = %error, "the inbox goes on after an error"),
                None => return Ok(()),
            }
        }
    }

    fn take_changes(&mut self) {
        let changes =
            std::mem::take(&mut *self.consumer.context().changes.lock().unwrap_or_else(PoisonError::into_inner));
        for partition in changes.revoked {
            self.partitions.remove(&partition);
        }
        for partition in changes.assigned {
            let number = i32::try_from(partition).unwrap_or(i32::MAX);
            let Some(mut queue) = self.consumer.split_partition_queue(&self.topic, number) else { continue };
            let wake = Arc::clone(&self.signal);
            queue.set_nonempty_callback(move || wake.set());
            // What came before the callback was set has woken nobody.
            self.signal.set();
            self.partitions.insert(partition, Assigned { queue, next: None, gap: Gap::default() });
        }
    }

    /// Says that everything before these offsets is done with. Partitions that the group has taken away since are
    /// left out: their next reader gets the records again.
    pub fn acknowledge(&mut self, next: &BTreeMap<Partition, Offset>) -> Result<(), InboxError> {
        self.take_changes();
        let failed = |error: KafkaError| InboxError { reason: error.to_string() };
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in next.iter().filter(|(partition, _)| self.partitions.contains_key(partition)) {
            let number = i32::try_from(*partition).unwrap_or(i32::MAX);
            let next = rdkafka::Offset::Offset(i64::try_from(*next).unwrap_or(i64::MAX));
            offsets.add_partition_offset(&self.topic, number, next).map_err(failed)?;
        }
        if offsets.count() == 0 {
            return Ok(());
        }
        match self.consumer.commit(&offsets, CommitMode::Sync) {
            Err(error) if is_lost(&error) => {
                tracing::debug!(error = %error, "partitions of the inbox were taken away before their acknowledgement");
                Ok(())
            }
            outcome => outcome.map_err(failed),
        }
    }
}

/// Whether the group went on without us.
fn is_lost(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::IllegalGeneration | Code::UnknownMemberId | Code::RebalanceInProgress | Code::AssignmentLost)
    )
}

impl fmt::Debug for KafkaInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaInbox").field("topic", &self.topic).finish_non_exhaustive()
    }
}

fn drain(
    consumer: &BaseConsumer<Membership>,
    topic: &str,
    partition: Partition,
    assigned: &mut Assigned,
    max_bytes: usize,
    items: &mut Vec<InboxItem>,
) {
    let mut bytes = 0;
    while bytes <= max_bytes {
        let polled = assigned.queue.poll(Duration::ZERO).map(|message| message.map(|message| read(&message)));
        match polled {
            Some(Ok(record)) => {
                bytes += record.value.len().max(1);
                take(consumer, assigned, record, items);
            }
            Some(Err(error)) if is_unreadable(&error) => {
                let reason = consumer.context().connection.explain(&error);
                if let Some(unreadable) = pass_over(consumer, topic, partition, assigned, reason) {
                    items.push(InboxItem::Unreadable(unreadable));
                }
                return;
            }
            Some(Err(error)) => {
                tracing::debug!(inbox.partition = partition, error = %error, "the inbox goes on after an error");
                return;
            }
            None => return,
        }
    }
}

/// Hands out a record. One after the next tells whether some before it were deleted and never taken. One before it
/// may be another than was there when that place was read.
fn take(consumer: &BaseConsumer<Membership>, assigned: &mut Assigned, record: InboxRecord, items: &mut Vec<InboxItem>) {
    if let Ok(number) = i32::try_from(record.partition)
        && let Some((from, to)) = assigned.gap.missed(consumer, (&record.topic, number), assigned.next, record.offset)
    {
        let reason = format!("the records from {from} to just before {to} were deleted before they were taken");
        let (topic, partition) = (record.topic.clone(), record.partition);
        items.push(InboxItem::Unreadable(UnreadableRecord { topic, partition, offset: from, reason }));
    }
    if let Some(next) = assigned.next.filter(|next| record.offset < *next) {
        tracing::warn!(
            inbox.partition = record.partition,
            inbox.offset = record.offset,
            "the inbox goes on before {next}: its broker lost records, or it was made again"
        );
    }
    assigned.next = Some(record.offset + 1);
    items.push(InboxItem::Record(record));
}

/// Whether the same bytes will fail again however often they are fetched.
fn is_unreadable(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BadCompression
                | Code::BadMessage
                | Code::InvalidMessage
                | Code::MessageSizeTooLarge
                | Code::NotImplemented
        )
    )
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
    let offset = assigned.next.or_else(|| place::position(consumer, topic, number))?;
    let next = rdkafka::Offset::Offset(i64::try_from(offset + 1).ok()?);
    if let Err(error) = consumer.seek(topic, number, next, ANSWER_TIMEOUT) {
        tracing::debug!(inbox.partition = partition, error = %error, "an unreadable record could not be passed over yet");
        return None;
    }
    assigned.next = Some(offset + 1);
    Some(UnreadableRecord { topic: topic.to_owned(), partition, offset, reason })
}

fn read(message: &BorrowedMessage<'_>) -> InboxRecord {
    InboxRecord {
        topic: message.topic().to_owned(),
        partition: Partition::try_from(message.partition()).unwrap_or(Partition::MAX),
        offset: Offset::try_from(message.offset()).unwrap_or_default(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key().map(Bytes::copy_from_slice),
        value: message.payload().map(Bytes::copy_from_slice).unwrap_or_default(),
        headers: headers(message),
    }
}
