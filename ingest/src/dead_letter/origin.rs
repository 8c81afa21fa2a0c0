//! Where a record of the inbox was first: what it is known by, however often it is delivered or sent again.

use std::fmt;
use std::str::FromStr;

use event_log::InboxRecord;
use schemas::id::{Partition, derived_uuid};
use schemas::positions::Offset;
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::header;

/// The first place of a record, and its bytes. Its text is the key of the record's dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub topic: String,
    pub partition: Partition,
    pub offset: Offset,
    pub timestamp_ms: i64,
    /// xxh3-128 of the value.
    pub value_hash: u128,
}

/// The text names no record's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its key is not that of a dead letter: topic/partition/offset/timestamp/hash")]
pub struct NotAnOrigin;

/// A short name of a letter, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterId(u64);

impl Origin {
    /// The place that a record says it came from, when it was sent again with the same bytes; else its own.
    pub fn of(record: &InboxRecord) -> Self {
        let value_hash = xxh3_128(&record.value);
        let said = record.headers.iter().rev().find(|(name, _)| name == header::ORIGIN);
        let said = said.and_then(|(_, text)| std::str::from_utf8(text).ok()?.parse().ok());
        said.filter(|origin: &Self| origin.value_hash == value_hash).unwrap_or_else(|| Self {
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            value_hash,
        })
    }

    /// An id of this kind that the record always gets.
    pub(crate) fn derived(&self, kind: &str) -> Uuid {
        derived_uuid(
            kind,
            &[
                &self.topic,
                &self.partition.to_string(),
                &self.offset.to_string(),
                &self.timestamp_ms.to_string(),
                &format!("{:032x}", self.value_hash),
            ],
        )
    }

    pub fn id(&self) -> LetterId {
        LetterId(xxh3_64(self.to_string().as_bytes()) >> 16)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, offset, timestamp_ms, value_hash } = self;
        write!(f, "{topic}/{partition}/{offset}/{timestamp_ms}/{value_hash:032x}")
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or(NotAnOrigin);
        let origin = Self {
            topic: next()?.to_owned(),
            partition: next()?.parse().map_err(|_| NotAnOrigin)?,
            offset: next()?.parse().map_err(|_| NotAnOrigin)?,
            timestamp_ms: next()?.parse().map_err(|_| NotAnOrigin)?,
            value_hash: u128::from_str_radix(next()?, 16).map_err(|_| NotAnOrigin)?,
        };
        // Written in one way only: the text is a key.
        if origin.to_string() == text && !origin.topic.is_empty() { Ok(origin) } else { Err(NotAnOrigin) }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const KEY: &str = "llm-log.inbox/3/17/1772344800000/000102030405060708090a0b0c0d0e0f";

    #[test]
    fn the_key_of_a_letter_and_its_id_never_change() {
        let origin: Origin = KEY.parse().expect("a key");
        assert_eq!(origin.to_string(), KEY);
        assert_eq!(origin.id().to_string(), "622874043ab1");
        assert_eq!(origin.derived("inbox-call").to_string(), "b614c0c1-a73b-5ebf-a9bb-b6b229a3f1c7");
    }

    #[test]
    fn what_is_no_key_of_a_letter_is_none() {
        for text in ["", "a/b", "t/3/17/0/+f", "/3/17/0/000102030405060708090a0b0c0d0e0f", &format!("{KEY}/")] {
            assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin), "{text}");
        }
        assert_eq!(KEY.replace("/17/", "/017/").parse::<Origin>(), Err(NotAnOrigin));
    }

    #[test]
    fn a_record_is_of_the_place_that_it_names_only_with_the_bytes_from_there() {
        let mut record = InboxRecord {
            topic: "t".into(),
            partition: 1,
            offset: 2,
            timestamp_ms: 3,
            key: None,
            value: Bytes::from_static(b"value"),
            headers: Vec::new(),
        };
        let own = Origin::of(&record);
        assert_eq!((own.topic.as_str(), own.partition, own.offset, own.timestamp_ms), ("t", 1, 2, 3));
        record.headers.push((header::ORIGIN.to_owned(), Bytes::from(KEY)));
        assert_eq!(Origin::of(&record), own, "these bytes are not from there");
        let first = Origin { offset: 0, ..own };
        record.headers.push((header::ORIGIN.to_owned(), Bytes::from(first.to_string())));
        assert_eq!(Origin::of(&record), first);
    }
}
