//! What every log can do.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use schemas::id::Partition;
use schemas::limits::MESSAGE_BYTES;
use schemas::positions::Offset;

/// A stream of records of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Every valid call event, kept for ever.
    Calls,
    /// Reference data: one partition, compacted by key.
    Reference,
    /// What the inbox could not take: one partition, compacted by key.
    DeadLetters,
}

impl Topic {
    pub const ALL: [Self; 3] = [Self::Calls, Self::Reference, Self::DeadLetters];
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub partition: Partition,
    pub offset: Offset,
}

/// A record to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    pub partition: Partition,
    pub key: Bytes,
    /// Absent: deletes the key of a compacted topic.
    pub value: Option<Bytes>,
    pub headers: Vec<(String, Bytes)>,
}

/// Room in a message for what it has besides key, value and headers.
const OVERHEAD_BYTES: usize = 1024;

/// What a header takes in a message beside its name and value: their lengths.
const HEADER_OVERHEAD_BYTES: usize = 10;

impl NewRecord {
    /// Size of key, value and headers, with what tells them apart.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len) + headers_bytes(&self.headers)
    }
}

/// Size of headers in a message.
pub fn headers_bytes(headers: &[(String, Bytes)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD_BYTES).sum()
}

/// The greatest record that fits into a message of this size.
pub(crate) fn record_bytes_max(message_bytes: usize) -> usize {
    message_bytes.min(MESSAGE_BYTES).saturating_sub(OVERHEAD_BYTES)
}

/// Refuses records of which one is larger than their topic takes, before any is appended.
pub(crate) fn check_sizes(records: &[NewRecord], greatest: usize) -> Result<(), AppendError> {
    match records.iter().map(NewRecord::bytes).find(|bytes| *bytes > greatest) {
        None => Ok(()),
        Some(bytes) => {
            let reason =
                format!("a record of {bytes} bytes is larger than the greatest that the topic takes ({greatest})");
            Err(AppendError::Refused { reason })
        }
    }
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    pub position: Position,
    /// When the log took it, in milliseconds since 1970.
    pub timestamp_ms: i64,
    pub key: Bytes,
    pub value: Option<Bytes>,
    pub headers: Vec<(String, Bytes)>,
}

/// The records that a partition has: from `start` to just before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub start: Offset,
    pub end: Offset,
}

/// Why records are not known to be in the log.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was appended.
    #[error("the log refused the records: {reason}")]
    Refused { reason: String },
    /// Some or all may be in the log, or may still come to be.
    #[error("it is not known whether the log has the records: {reason}")]
    Unknown { reason: String },
}

/// Why a log can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadLogError {
    /// Records that are needed are gone.
    #[error("the log starts at {start} in partition {partition}, but is needed from {wanted} on")]
    Gap { partition: Partition, wanted: Offset, start: Offset },
    /// The reader knows of records that the log does not have: it is another log, or it was cut.
    #[error("the log ends at {end} in partition {partition}, before the position {wanted}")]
    Ahead { partition: Partition, wanted: Offset, end: Offset },
    /// Reading again may help.
    #[error("the log can't be reached: {reason}")]
    Unavailable { reason: String },
    #[error("the log is damaged: {reason}")]
    Damaged { reason: String },
}

/// What a reader brought.
#[derive(Debug, Default)]
pub struct ReadBatch {
    /// In the order of their offsets within each partition.
    pub records: Vec<LogRecord>,
    /// For every partition that moved: the next offset to read. It passes over offsets that hold no record,
    /// such as a broker's own control records.
    pub next: BTreeMap<Partition, Offset>,
}

/// Reads some partitions of a topic from positions of the caller's own. Blocks: for a thread of its own.
pub trait LogReader: fmt::Debug + Send {
    /// Waits until there is something to read, `wait` has passed, or nothing more fits into `max_bytes`
    /// (one record always does).
    fn read(&mut self, max_bytes: usize, wait: Duration) -> Result<ReadBatch, ReadLogError>;

    /// Where its partitions end now. An answer is word from the log itself: that nothing comes to be read is none.
    fn ends(&mut self) -> Result<BTreeMap<Partition, Offset>, ReadLogError>;
}

/// A durable, partitioned log of records.
#[async_trait]
pub trait EventLog: fmt::Debug + Send + Sync {
    /// How many partitions the topic has.
    fn partitions(&self, topic: Topic) -> u32;

    /// Size of the greatest record that the topic takes: key, value and headers.
    fn record_bytes_max(&self, _: Topic) -> usize {
        record_bytes_max(MESSAGE_BYTES)
    }

    /// Appends records; their positions, in the same order, once all of them are durable. A record larger than the
    /// topic takes is refused with all that came with it.
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError>;

    /// What the partition holds now.
    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError>;

    /// Reads the partitions from these offsets on. A partition that starts later than asked is a gap.
    fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError>;
}
