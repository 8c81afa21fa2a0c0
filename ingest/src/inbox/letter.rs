//! Writing dead letters: what the inbox could not take, whole, with the reason and the place it came from.

use bytes::Bytes;
use event_log::{InboxRecord, NewRecord, UnreadableRecord, headers_bytes};
use schemas::id::LogId;
use schemas::limits::{DEAD_LETTER_BYTES, DEAD_LETTER_REASON_BYTES, EVENT_BYTES};
use schemas::problem::Problems;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_128;

use crate::dead_letter::{Origin, header};
use crate::pipeline::EventTooLarge;

/// Room in a letter for the headers that say what was cut.
const CUT_HEADERS_BYTES: usize = 512;

/// Why a record is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("{0}")]
    Invalid(#[from] Problems),
    #[error(transparent)]
    TooLarge(#[from] EventTooLarge),
    #[error("the record's timestamp is {timestamp_ms} ms since 1970; expected one of the years 1 to 9999")]
    Timestamp { timestamp_ms: i64 },
    #[error("the record's bytes can't be had: {0}")]
    Unreadable(String),
}

/// A record that could not be taken.
#[derive(Debug)]
pub(super) struct Letter {
    origin: Origin,
    key: Option<Bytes>,
    /// None of a record whose bytes could not be had.
    value: Option<Bytes>,
    headers: Vec<(String, Bytes)>,
    reason: String,
}

impl Letter {
    pub(super) fn of_record(record: InboxRecord, origin: Origin, reason: &Reason) -> Self {
        let InboxRecord { key, value, mut headers, .. } = record;
        headers.retain(|(name, _)| !header::is_ours(name));
        Self { origin, key, value: Some(value), headers, reason: bounded(reason.to_string()) }
    }

    pub(super) fn of_unreadable(unreadable: UnreadableRecord) -> Self {
        let UnreadableRecord { topic, partition, offset, reason } = unreadable;
        let origin = Origin { topic, partition, offset, timestamp_ms: 0, value_hash: xxh3_128(b"") };
        let reason = bounded(Reason::Unreadable(reason).to_string());
        Self { origin, key: None, value: None, headers: Vec::new(), reason }
    }

    pub(super) fn log(&self) {
        tracing::warn!(
            inbox.partition = self.origin.partition,
            inbox.offset = self.origin.offset,
            letter.id = %self.origin.id(),
            reason = self.reason,
            "a record of the inbox became a dead letter"
        );
    }

    /// The letter as its topic keeps it, no larger than the log takes. The same record always makes the same letter,
    /// with the same key. Its own headers stay as they were, beside ours.
    pub(super) fn record(&self, log: LogId, record_bytes_max: usize) -> NewRecord {
        let key = Bytes::from(self.origin.to_string());
        let mut letter = NewRecord { partition: 0, key, value: None, headers: self.ours(log) };
        let mut missing = Vec::new();
        let mut room = record_bytes_max.saturating_sub(letter.bytes() + CUT_HEADERS_BYTES);
        let own_bytes = self.own_bytes();
        if own_bytes <= DEAD_LETTER_BYTES.min(room / 2) {
            room -= own_bytes;
            letter.headers.splice(0..0, self.headers.iter().cloned());
            letter.headers.extend(self.key.clone().map(|key| (header::SOURCE_KEY.to_owned(), key)));
        } else {
            missing.push(header::CUT_KEY_AND_HEADERS);
        }
        let value = match &self.value {
            None => {
                missing.push(header::CUT_VALUE);
                Bytes::new()
            }
            Some(value) if value.len() > EVENT_BYTES.min(room) => {
                missing.push(header::CUT_END);
                let of_whole = [
                    (header::SOURCE_BYTES, value.len().to_string()),
                    (header::SOURCE_SHA256, hex(&Sha256::digest(value))),
                ];
                letter.headers.extend(of_whole.map(|(name, value)| (name.to_owned(), Bytes::from(value))));
                value.slice(..DEAD_LETTER_BYTES.min(room).min(value.len()))
            }
            Some(value) => value.clone(),
        };
        letter.value = Some(value);
        if !missing.is_empty() {
            letter.headers.push((header::CUT.to_owned(), Bytes::from(missing.join(", "))));
        }
        letter
    }

    /// Size of what comes with the value: key and headers.
    fn own_bytes(&self) -> usize {
        headers_bytes(&self.headers) + self.key.as_ref().map_or(0, |key| header::SOURCE_KEY.len() + key.len())
    }

    fn ours(&self, log: LogId) -> Vec<(String, Bytes)> {
        let Origin { topic, partition, offset, timestamp_ms, .. } = &self.origin;
        [
            (header::REASON, self.reason.clone()),
            (header::SOURCE_TOPIC, topic.clone()),
            (header::SOURCE_PARTITION, partition.to_string()),
            (header::SOURCE_OFFSET, offset.to_string()),
            (header::SOURCE_TIMESTAMP_MS, timestamp_ms.to_string()),
            (header::LOG, log.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), Bytes::from(value)))
        .into()
    }
}

/// A reason names members of the event, which may be of any length and number.
fn bounded(mut reason: String) -> String {
    if reason.len() > DEAD_LETTER_REASON_BYTES {
        let mark = format!("… [cut: {} bytes in all]", reason.len());
        reason.truncate(reason.floor_char_boundary(DEAD_LETTER_REASON_BYTES - mark.len()));
        reason.push_str(&mark);
    }
    reason
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
