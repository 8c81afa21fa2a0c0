//! A block: records of one partition that were committed together, compressed together.

use bytes::Bytes;
use schemas::id::Partition;
use schemas::positions::Offset;
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{get_dict_id_from_frame, get_frame_content_size};

use super::dictionary::{Dictionary, DictionaryId};
use crate::log::{LogRecord, NewRecord, Position};
use schemas::limits::MESSAGE_BYTES;

/// Records are gathered into blocks of about this many bytes before compression.
pub(super) const BLOCK_BYTES: usize = 1024 * 1024;
/// No block has more bytes: its last record may be as large as the log takes.
const BLOCK_BYTES_MAX: usize = BLOCK_BYTES + 2 * MESSAGE_BYTES;

/// Blocks below this are compressed with a dictionary once there is one. Larger ones have enough in themselves, and zstd
/// would prepare a small dictionary anew for each of them.
const SMALL_BLOCK_BYTES: usize = 128 * 1024;
/// About what a record has in a block beside its bytes: lengths.
const RECORD_OVERHEAD_BYTES: usize = 32;

/// What zstd's own default is: within a tenth of the best size at several times the speed.
const COMPRESSION_LEVEL: i32 = 3;

/// A block that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DamagedBlock {
    #[error("a block of records can't be decompressed")]
    Compression(#[source] std::io::Error),
    #[error("a block of records does not say how large it is")]
    Size,
    #[error("a block of records needs the dictionary {0}, which is gone")]
    Dictionary(DictionaryId),
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
pub(super) struct BlockEncoder {
    plain: Compressor<'static>,
    /// For blocks of a few records, which alone would be compressed badly.
    with_dictionary: Option<Compressor<'static>>,
}

impl BlockEncoder {
    pub(super) fn new(dictionary: Option<&Dictionary>) -> std::io::Result<Self> {
        let with = |dictionary: &Dictionary| {
            let mut compressor = Compressor::with_dictionary(COMPRESSION_LEVEL, &dictionary.bytes)?;
            // Whoever reads with another dictionary has to be told.
            compressor.include_checksum(true)?;
            std::io::Result::Ok(compressor)
        };
        Ok(Self { plain: Compressor::new(COMPRESSION_LEVEL)?, with_dictionary: dictionary.map(with).transpose()? })
    }

    pub(super) fn encode(&mut self, timestamp_ms: i64, records: &[&NewRecord]) -> std::io::Result<Vec<u8>> {
        let room = records.iter().map(|record| record.bytes() + RECORD_OVERHEAD_BYTES).sum();
        let records = records
            .iter()
            .map(|record| BlockRecord {
                key: as_bytes(&record.key),
                value: record.value.as_ref().map(as_bytes),
                headers: record.headers.iter().map(|(name, value)| (name.as_str(), as_bytes(value))).collect(),
            })
            .collect();
        let block = Block { timestamp_ms, records };
        let plain = postcard::to_extend(&block, Vec::with_capacity(room)).map_err(std::io::Error::other)?;
        match &mut self.with_dictionary {
            Some(compressor) if plain.len() < SMALL_BLOCK_BYTES => compressor.compress(&plain),
            _ => self.plain.compress(&plain),
        }
    }
}

/// For the encoder, which would take a mere slice one by one.
fn as_bytes(bytes: &Bytes) -> &serde_bytes::Bytes {
    serde_bytes::Bytes::new(bytes)
}

/// A block's bytes, ready to be read.
pub(super) struct PlainBlock(Bytes);

/// Reads blocks, one after the other: what it takes to decompress is made once, which for small blocks is most of the
/// work.
pub(super) struct BlockDecoder {
    decompressor: Decompressor<'static>,
    /// The dictionary that was learned last.
    dictionary: Option<DictionaryId>,
}

impl std::fmt::Debug for BlockDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockDecoder").field("dictionary", &self.dictionary).finish_non_exhaustive()
    }
}

impl BlockDecoder {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { decompressor: Decompressor::new()?, dictionary: None })
    }

    /// The dictionary that it takes to read this block and that has to be learned first.
    pub(super) fn lacks(&self, compressed: &[u8]) -> Option<DictionaryId> {
        let needed = get_dict_id_from_frame(compressed).map(DictionaryId::from);
        needed.filter(|needed| self.dictionary != Some(*needed))
    }

    /// Reads blocks of this dictionary from now on, and those without one.
    pub(super) fn learn(&mut self, id: DictionaryId, dictionary: &[u8]) -> Result<(), DamagedBlock> {
        self.dictionary = None;
        self.decompressor.set_dictionary(dictionary).map_err(DamagedBlock::Compression)?;
        self.dictionary = Some(id);
        Ok(())
    }

    pub(super) fn decode(&mut self, compressed: &[u8]) -> Result<PlainBlock, DamagedBlock> {
        if let Some(lacking) = self.lacks(compressed) {
            return Err(DamagedBlock::Dictionary(lacking));
        }
        let bytes = get_frame_content_size(compressed).ok().flatten().and_then(|bytes| usize::try_from(bytes).ok());
        let bytes = bytes.filter(|bytes| *bytes <= BLOCK_BYTES_MAX).ok_or(DamagedBlock::Size)?;
        let plain = self.decompressor.decompress(compressed, bytes).map_err(DamagedBlock::Compression)?;
        Ok(PlainBlock(plain.into()))
    }
}

impl PlainBlock {
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
        let encoded = BlockEncoder::new(None).and_then(|mut encoder| encoder.encode(5, &[&record, &erased]));
        let mut decoder = BlockDecoder::new().expect("memory");
        let plain = decoder.decode(&encoded.expect("compressed")).expect("decompressed");
        let as_lists = |record: &NewRecord| {
            let headers: Vec<_> = record.headers.iter().map(|(name, value)| (name.clone(), value.to_vec())).collect();
            (record.key.to_vec(), record.value.as_ref().map(|value| value.to_vec()), headers)
        };
        let expected = postcard::to_stdvec(&(5_i64, vec![as_lists(&record), as_lists(&erased)])).expect("encoded");
        assert_eq!(plain.0, expected);
        assert_eq!(plain.block().expect("decoded").len(), 2);
    }

    #[test]
    fn a_block_that_is_cut_or_says_that_it_is_huge_is_damaged() {
        let record =
            NewRecord { partition: 0, key: Bytes::new(), value: Some("x".repeat(300).into()), headers: Vec::new() };
        let encoded =
            BlockEncoder::new(None).and_then(|mut encoder| encoder.encode(5, &[&record])).expect("compressed");
        let mut decoder = BlockDecoder::new().expect("memory");
        for end in 0..encoded.len() {
            assert!(decoder.decode(&encoded[..end]).is_err(), "{end}");
        }
        let huge =
            BlockEncoder::new(None).and_then(|mut encoder| encoder.plain.compress(&vec![0; BLOCK_BYTES_MAX + 1]));
        assert!(matches!(decoder.decode(&huge.expect("compressed")), Err(DamagedBlock::Size)));
        assert!(decoder.decode(&encoded).is_ok(), "what was damaged before it does not matter");
    }
}
