//! A block: records of one partition that were committed together, compressed together.

use bytes::Bytes;
use schemas::id::Partition;
use schemas::positions::Offset;
use serde::{Deserialize, Serialize};
use zstd::bulk::Compressor;

use crate::log::{LogRecord, NewRecord, Position};

/// Records are gathered into blocks of about this many bytes before compression.
pub(super) const BLOCK_BYTES: usize = 1024 * 1024;

/// What zstd's own default is: within a tenth of the best size at several times the speed.
const COMPRESSION_LEVEL: i32 = 3;

/// A block that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DamagedBlock {
    #[error("a block of records can't be decompressed")]
    Compression(#[source] std::io::Error),
    #[error("a block of records can't be decoded")]
    Encoding(#[source] postcard::Error),
    #[error("a block of records has a key that is no offset")]
    Key,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Block<'a> {
    pub(super) timestamp_ms: i64,
    #[serde(borrow)]
    records: Vec<BlockRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
struct BlockRecord<'a> {
    #[serde(borrow)]
    key: &'a serde_bytes::Bytes,
    #[serde(borrow)]
    value: Option<&'a serde_bytes::Bytes>,
    #[serde(borrow)]
    headers: Vec<(&'a str, &'a serde_bytes::Bytes)>,
}

/// Makes blocks, one after the other: what it takes to compress is made once.
pub(super) struct BlockEncoder(Compressor<'static>);

impl BlockEncoder {
    pub(super) fn new() -> std::io::Result<Self> {
        Compressor::new(COMPRESSION_LEVEL).map(Self)
    }

    pub(super) fn encode(&mut self, timestamp_ms: i64, records: &[&NewRecord]) -> std::io::Result<Vec<u8>> {
        let records = records
            .iter()
            .map(|record| BlockRecord {
                key: as_bytes(&record.key),
                value: record.value.as_ref().map(as_bytes),
                headers: record.headers.iter().map(|(name, value)| (name.as_str(), as_bytes(value))).collect(),
            })
            .collect();
        let plain = postcard::to_stdvec(&Block { timestamp_ms, records }).map_err(std::io::Error::other)?;
        self.0.compress(&plain)
    }
}

/// For the encoder, which would take a mere slice one by one.
fn as_bytes(bytes: &Bytes) -> &serde_bytes::Bytes {
    serde_bytes::Bytes::new(bytes)
}

/// A block's bytes, ready to be read.
pub(super) struct PlainBlock(Bytes);

impl PlainBlock {
    pub(super) fn of(compressed: &[u8]) -> Result<Self, DamagedBlock> {
        let plain = zstd::decode_all(compressed).map_err(DamagedBlock::Compression)?;
        Ok(Self(plain.into()))
    }

    pub(super) fn block(&self) -> Result<Block<'_>, DamagedBlock> {
        postcard::from_bytes(&self.0).map_err(DamagedBlock::Encoding)
    }
}

impl Block<'_> {
    pub(super) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// The block's records from an offset on. They are parts of `plain`, the bytes that the block was read from.
    pub(super) fn records(
        &self,
        plain: &PlainBlock,
        partition: Partition,
        first: Offset,
        from: Offset,
    ) -> impl Iterator<Item = LogRecord> {
        let part = |bytes: &serde_bytes::Bytes| plain.0.slice_ref(bytes);
        (first..).zip(&self.records).skip_while(move |(offset, _)| *offset < from).map(move |(offset, record)| {
            LogRecord {
                position: Position { partition, offset },
                timestamp_ms: self.timestamp_ms,
                key: part(record.key),
                value: record.value.map(part),
                headers: record.headers.iter().map(|(name, value)| ((*name).to_owned(), part(value))).collect(),
            }
        })
    }
}

pub(super) fn first_offset(key: &[u8]) -> Result<Offset, DamagedBlock> {
    key.try_into().map(u64::from_be_bytes).map_err(|_| DamagedBlock::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_timestamp_and_its_records_however_they_are_encoded() {
        let record = NewRecord {
            partition: 3,
            key: Bytes::from_static(b"key"),
            value: Some(Bytes::from(vec![7; 300])),
            headers: vec![("content-type".to_owned(), Bytes::from_static(b"\xff\x00"))],
        };
        let erased = NewRecord { value: None, headers: Vec::new(), ..record.clone() };
        let encoded = BlockEncoder::new().and_then(|mut encoder| encoder.encode(5, &[&record, &erased]));
        let plain = PlainBlock::of(&encoded.expect("compressed")).expect("decompressed");
        let as_lists = |record: &NewRecord| {
            let headers: Vec<_> = record.headers.iter().map(|(name, value)| (name.clone(), value.to_vec())).collect();
            (record.key.to_vec(), record.value.as_ref().map(|value| value.to_vec()), headers)
        };
        let expected = postcard::to_stdvec(&(5_i64, vec![as_lists(&record), as_lists(&erased)])).expect("encoded");
        assert_eq!(plain.0, expected);
        assert_eq!(plain.block().expect("decoded").len(), 2);
    }
}
