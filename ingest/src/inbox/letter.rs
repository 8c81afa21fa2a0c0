//! Dead letters: what the inbox could not take, whole, with the reason and the place it came from.

use bytes::Bytes;
use event_log::{InboxRecord, NewRecord, UnreadableRecord};
use schemas::id::{LogId, Partition};
use schemas::limits::{DEAD_LETTER_BYTES, EVENT_BYTES};
use schemas::positions::Offset;
use schemas::problem::Problems;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_128;

/// Why a record is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("{0}")]
    Invalid(#[from] Problems),
    #[error("the event has {bytes} bytes; the greatest size is {EVENT_BYTES}")]
    TooLarge { bytes: usize },
    #[error("the record's bytes can't be had: {0}")]
    Unreadable(String),
}

/// A record that could not be taken.
#[derive(Debug)]
pub(super) struct Letter {
    topic: String,
    partition: Partition,
    offset: Offset,
    timestamp_ms: i64,
    key: Option<Bytes>,
    value: Bytes,
    headers: Vec<(String, Bytes)>,
    reason: Reason,
}

impl Letter {
    pub(super) fn of_record(record: InboxRecord, reason: Reason) -> Self {
        let InboxRecord { topic, partition, offset, timestamp_ms, key, value, headers } = record;
        Self { topic, partition, offset, timestamp_ms, key, value, headers, reason }
    }

    pub(super) fn of_unreadable(unreadable: UnreadableRecord) -> Self {
        let UnreadableRecord { topic, partition, offset, reason } = unreadable;
        Self {
            topic,
            partition,
            offset,
            timestamp_ms: 0,
            key: None,
            value: Bytes::new(),
            headers: Vec::new(),
            reason: Reason::Unreadable(reason),
        }
    }

    pub(super) fn log(&self) {
        tracing::warn!(
            inbox.partition = self.partition,
            inbox.offset = self.offset,
            reason = %self.reason,
            "a record of the inbox became a dead letter"
        );
    }

    /// The letter as its topic keeps it. The same record always makes the same letter, with the same key. Its own
    /// headers stay as they were, beside ours.
    pub(super) fn record(&self, log: LogId) -> NewRecord {
        let key = format!(
            "{}/{}/{}/{}/{:032x}",
            self.topic,
            self.partition,
            self.offset,
            self.timestamp_ms,
            xxh3_128(&self.value)
        );
        let mut headers = self.headers.clone();
        let mut add = |name: &str, value: Bytes| headers.push((format!("llm-log-{name}"), value));
        add("reason", Bytes::from(self.reason.to_string()));
        add("source-topic", Bytes::from(self.topic.clone()));
        add("source-partition", Bytes::from(self.partition.to_string()));
        add("source-offset", Bytes::from(self.offset.to_string()));
        add("source-timestamp-ms", Bytes::from(self.timestamp_ms.to_string()));
        if let Some(key) = &self.key {
            add("source-key", key.clone());
        }
        add("log", Bytes::from(log.to_string()));
        let is_cut = self.value.len() > EVENT_BYTES;
        if is_cut {
            add("cut", Bytes::from_static(b"true"));
            add("source-bytes", Bytes::from(self.value.len().to_string()));
            add("source-sha256", Bytes::from(hex(&Sha256::digest(&self.value))));
        }
        let value = if is_cut { self.value.slice(..DEAD_LETTER_BYTES) } else { self.value.clone() };
        NewRecord { partition: 0, key: Bytes::from(key), value: Some(value), headers }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
