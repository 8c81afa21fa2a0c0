//! Ranks: what keys of any kind are compared by, the least first.

use schemas::query::SortKey;
use tantivy::columnar::TermOrdHit;
use tantivy::i64_to_u64;

use crate::search::SearchError;
use crate::snapshot::FastColumn;

/// Ranks of nulls that come before and after every value.
const NULL_FIRST: u128 = 0;
const NULL_LAST: u128 = u128::MAX;
/// Greater than every rank of a value kept in 64 bits. Values are two apart, so that one that no call of the
/// segment has finds its place between them.
const RANKS: u128 = 1 << 66;

/// The rank of null.
pub(super) fn null_rank(key: &SortKey) -> u128 {
    if key.nulls_first { NULL_FIRST } else { NULL_LAST }
}

/// The rank of an instant in an order by a date.
pub(in crate::list) fn instant_rank(key: &SortKey, instant: i64) -> u128 {
    directed(key, raw_rank(i64_to_u64(instant)))
}

/// The rank of what a fast column keeps as `raw`.
pub(super) fn raw_rank(raw: u64) -> u128 {
    2 * u128::from(raw) + 2
}

/// The rank of a value between what is kept as `raw` and the one before.
pub(super) fn before_rank(raw: u64) -> u128 {
    2 * u128::from(raw) + 1
}

pub(super) fn directed(key: &SortKey, rank: u128) -> u128 {
    if key.descending { RANKS - rank } else { rank }
}

/// The rank of a score, in the order of [`f32::total_cmp`].
pub(super) fn score_rank(key: &SortKey, score: f32) -> u128 {
    let bits = score.to_bits();
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    directed(key, raw_rank(u64::from(ordered)))
}

/// The rank of a text in a column, or the one that it would have.
pub(super) fn ordinal_rank(column: &FastColumn, text: &[u8]) -> Result<u128, SearchError> {
    let Some(dictionary) = &column.dictionary else { return Ok(before_rank(0)) };
    Ok(match dictionary.term_ord_or_next(text)? {
        TermOrdHit::Exact(ordinal) => raw_rank(ordinal),
        TermOrdHit::Next(ordinal) => before_rank(ordinal),
    })
}
