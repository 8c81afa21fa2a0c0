//! Zone maps: between which instants the calls of a block of documents were created.

use tantivy::columnar::Column;

use super::columns::in_i64;

/// Documents of a block.
pub(crate) const BLOCK_DOCS: u32 = 8192;

/// The least and the greatest `createdAt` of a block, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// The spans of a segment's blocks, by block; none for blocks without a visible call. They hold for the
/// documents that are deleted later too, so they never change.
pub(super) fn zone_map(created_at: &Column<u64>, docs: u32) -> Vec<Option<Span>> {
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < docs {
        let end = start.saturating_add(BLOCK_DOCS).min(docs);
        let instants = (start..end).filter_map(|doc| created_at.first(doc)).map(in_i64);
        blocks.push(instants.fold(None, |span: Option<Span>, at| {
            Some(span.map_or(Span { min: at, max: at }, |span| Span { min: span.min.min(at), max: span.max.max(at) }))
        }));
        start = end;
    }
    blocks
}
