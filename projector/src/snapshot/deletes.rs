//! Which documents of a segment are deleted, and which since when.

use tantivy::directory::OwnedBytes;
use tantivy::index::SegmentComponent;
use tantivy::{BitSet, DocId, SegmentReader};

/// Bytes before the bits in a file of deletes: the number of documents.
const HEADER_BYTES: usize = 4;

/// A bit per document, set while it lives; 64 documents to a little-endian word.
#[derive(Debug, Clone)]
pub(super) struct AliveBits(OwnedBytes);

impl AliveBits {
    /// The segment's bits; none when nothing was ever deleted from it.
    pub(super) fn of(reader: &SegmentReader) -> Option<Self> {
        let alive = reader.alive_bitset()?;
        // The file is what the reader has just read. A merge that ended meanwhile may have removed it.
        let file = reader.open_read(SegmentComponent::Delete).ok().and_then(|file| file.read_bytes().ok());
        let bytes = file.filter(|bytes| bytes.len() >= HEADER_BYTES).unwrap_or_else(|| {
            let mut bits = BitSet::with_max_value(reader.max_doc());
            for doc in alive.iter_alive() {
                bits.insert(doc);
            }
            let mut bytes = Vec::new();
            bits.serialize(&mut bytes).expect("a Vec takes every write");
            OwnedBytes::new(bytes)
        });
        Some(Self(bytes.slice(HEADER_BYTES..bytes.len())))
    }

    fn words(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk))
    }

    /// The documents below `docs` that lived before and don't now, in order. `before` is none when all lived.
    pub(super) fn deleted_since(&self, before: Option<&Self>, docs: DocId) -> Vec<DocId> {
        let mut deleted = Vec::new();
        let mut earlier = before.map(Self::words);
        for (now, base) in self.words().zip((0..docs).step_by(64)) {
            let then = earlier.as_mut().map_or(Some(u64::MAX), Iterator::next).unwrap_or(u64::MAX);
            let mut gone = then & !now;
            while gone != 0 {
                let doc = base + gone.trailing_zeros();
                if doc < docs {
                    deleted.push(doc);
                }
                gone &= gone - 1;
            }
        }
        deleted
    }
}
