//! The inbox: what producers of any make sent, read as a member of a group.

mod errors;
mod group_offsets;
mod member;
mod polled;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Message as _};
use schemas::id::Partition;
use schemas::positions::Offset;

use self::errors::Names;
use self::member::Member;
use super::message::headers;
use super::options::KafkaOptions;

/// How long to wait before the group is joined again after it was left for an error that lasts.
const REJOIN: Duration = Duration::from_secs(5);

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    #[error("Kafka refuses: grant the operation Read on the group {group}")]
    GroupRefused { group: String },
    #[error("Kafka refuses: grant the operation Read on the topic {topic}")]
    TopicRefused { topic: String },
    #[error("an error that lasts: {reason}")]
    Failed { reason: String },
    #[error("it can't be reached: {reason}")]
    Away { reason: String },
}

impl InboxError {
    /// Whether somebody has to do something about it, unlike a broker that is away for a while.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Away { .. })
    }
}

/// The last error, until the broker lets us in again.
#[derive(Debug)]
struct Failure {
    error: InboxError,
    at: Instant,
}

/// Reads the inbox as a member of a group, which it joins again after an error that lasts.
pub struct KafkaInbox {
    options: KafkaOptions,
    names: Names,
    /// None for a while after an error that lasts: librdkafka tells such once, and some it never tries again.
    member: Option<Member>,
    failure: Option<Failure>,
}

impl KafkaInbox {
    /// Joins the group. Needs the topic, which [`super::KafkaLog::open`] makes.
    pub fn open(options: &KafkaOptions, group: &str) -> Result<Self, InboxError> {
        let names = Names { topic: options.inbox(), group: group.to_owned() };
        let member = Some(Member::join(options, names.clone())?);
        Ok(Self { options: options.clone(), names, member, failure: None })
    }

    /// The partitions that the group has given us.
    pub fn assigned(&self) -> impl Iterator<Item = Partition> + '_ {
        self.member.iter().flat_map(Member::assigned)
    }

    /// Waits until there are records, or `wait` has passed. At most about `max_bytes` of them, of each partition in
    /// the order of the offsets. An error comes again until the broker was heard after it.
    pub fn poll(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<InboxItem>, InboxError> {
        let member = match (&mut self.member, &self.failure) {
            (Some(member), _) => member,
            (None, Some(failure)) if failure.at.elapsed() < REJOIN => return Err(failure.error.clone()),
            (member, _) => member.insert(Member::join(&self.options, self.names.clone())?),
        };
        match member.poll(max_bytes, wait) {
            Ok(items) => {
                let is_over = |failure: &mut Failure| member.was_let_in_after(failure.at);
                self.failure.take_if(is_over);
                match &self.failure {
                    Some(failure) if items.is_empty() => Err(failure.error.clone()),
                    _ => Ok(items),
                }
            }
            Err(error) => {
                if error.is_lasting() {
                    self.member = None;
                }
                self.failure = Some(Failure { error: error.clone(), at: Instant::now() });
                Err(error)
            }
        }
    }

    /// Says that everything before these offsets is done with. Partitions that the group has taken away since are
    /// left out: their next reader gets the records again.
    pub fn acknowledge(&mut self, next: &BTreeMap<Partition, Offset>) -> Result<(), InboxError> {
        self.member.as_mut().map_or(Ok(()), |member| member.acknowledge(next))
    }
}

impl fmt::Debug for KafkaInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaInbox").field("topic", &self.names.topic).finish_non_exhaustive()
    }
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
