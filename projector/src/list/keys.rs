//! What a segment's calls are sorted by: each key as a rank, the least first.

use std::collections::HashMap;
use std::fmt::Write as _;

use schemas::model::{Column, ColumnType};
use schemas::query::{SortBy, SortKey, SortPosition, SortValue};
use schemas::value::Value;
use tantivy::columnar::TermOrdHit;
use tantivy::{DocId, SegmentReader, i64_to_u64};
use uuid::Uuid;

use super::top::Candidate;
use crate::index::schema::{CallFields, ColumnField};
use crate::lowering::number;
use crate::search::SearchError;
use crate::snapshot::{FastColumn, KeyColumns};

/// Ranks of nulls that come before and after every value.
const NULL_FIRST: u128 = 0;
const NULL_LAST: u128 = u128::MAX;
/// Greater than every rank of a value kept in 64 bits. Values are two apart, so that one that no call of the
/// segment has finds its place between them.
const RANKS: u128 = 1 << 66;

/// Whether the ranks of a key mean the same in every segment: ordinals of texts don't.
pub(super) fn is_comparable(by: SortBy) -> bool {
    match by {
        SortBy::Relevance | SortBy::Column(Column::Id) => true,
        SortBy::Column(column) => !column.column_type().is_text() && column.column_type() != ColumnType::ObjectId,
    }
}

/// Refuses orders by what calls don't have, and positions of other orders.
pub(super) fn check(sort: &[SortKey], after: Option<&SortPosition>) -> Result<(), SearchError> {
    for key in sort {
        if let SortBy::Column(column) = key.by
            && column.relation().is_some()
        {
            return Err(SearchError::Refused(format!("{}: relations are not kept with calls", column.name())));
        }
    }
    let Some(after) = after else { return Ok(()) };
    let fits = |(key, value): (&SortKey, &SortValue)| match (key.by, value) {
        (SortBy::Relevance, SortValue::Score(_)) => true,
        (SortBy::Column(column), SortValue::Value(value)) => value.fits(column),
        _ => false,
    };
    if after.values.len() == sort.len() && sort.iter().zip(&after.values).all(fits) {
        Ok(())
    } else {
        Err(SearchError::Refused("the position to start after is of another order".to_owned()))
    }
}

/// The `createdAt` of a position whose order begins with it.
pub(super) fn created_at(position: &SortPosition) -> Option<i64> {
    match position.values.first() {
        Some(SortValue::Value(Value::Date(date))) => Some(date.0),
        _ => None,
    }
}

/// The rank of an instant in an order by a date.
pub(super) fn instant_rank(key: &SortKey, instant: i64) -> u128 {
    directed(key, 2 * u128::from(i64_to_u64(instant)) + 2)
}

fn directed(key: &SortKey, rank: u128) -> u128 {
    if key.descending { RANKS - rank } else { rank }
}

/// The rank of a score, in the order of [`f32::total_cmp`].
fn score_rank(key: &SortKey, score: f32) -> u128 {
    let bits = score.to_bits();
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    directed(key, 2 * u128::from(ordered) + 2)
}

/// The order of a list in one segment.
#[derive(Debug)]
pub(super) struct SegmentOrder {
    keys: Vec<Key>,
    ids: KeyColumns,
    /// The ranks of the position to start after.
    after: Option<(Vec<u128>, Uuid)>,
}

#[derive(Debug)]
struct Key {
    key: SortKey,
    of: Ranked,
}

#[derive(Debug)]
enum Ranked {
    /// By value or ordinal.
    Column(Column, FastColumn),
    /// By the head, of which the order is.
    Long(FastColumn),
    Id,
    Relevance,
}

/// The texts behind ordinals that were looked up already, by key.
pub(super) type Texts = HashMap<(usize, u64), Value>;

impl SegmentOrder {
    pub(super) fn open(
        reader: &SegmentReader,
        fields: &CallFields,
        sort: &[SortKey],
        after: Option<&SortPosition>,
    ) -> Result<Self, SearchError> {
        let keys = sort.iter().map(|key| {
            let of = match key.by {
                SortBy::Relevance => Ranked::Relevance,
                SortBy::Column(Column::Id) => Ranked::Id,
                SortBy::Column(column) => {
                    let fast = FastColumn::of(reader, fields, column)?;
                    match fields.column(column) {
                        Some(ColumnField::Long(_)) => Ranked::Long(fast),
                        _ => Ranked::Column(column, fast),
                    }
                }
            };
            Ok(Key { key: key.clone(), of })
        });
        let keys = keys.collect::<Result<Vec<_>, SearchError>>()?;
        let after = match after {
            None => None,
            Some(position) => {
                let ranks = keys.iter().zip(&position.values).map(|(key, value)| key.rank_of(value, position.id));
                Some((ranks.collect::<Result<_, _>>()?, position.id))
            }
        };
        Ok(Self { keys, ids: KeyColumns::open(reader, fields)?, after })
    }

    pub(super) fn needs_score(&self) -> bool {
        self.keys.iter().any(|key| matches!(key.of, Ranked::Relevance))
    }

    /// The rank in the first key.
    pub(super) fn first(&self, doc: DocId, score: f32) -> u128 {
        self.keys.first().map_or(0, |key| key.rank(doc, score, &self.ids))
    }

    /// The call with all its ranks; none when it comes before the position to start after.
    pub(super) fn candidate(&self, doc: DocId, first: u128, score: f32) -> Result<Option<Candidate>, SearchError> {
        let id = self.ids.id(doc).ok_or(SearchError::Incomplete)?;
        let rest = self.keys.get(1..).unwrap_or_default();
        let rest: Box<[u128]> = rest.iter().map(|key| key.rank(doc, score, &self.ids)).collect();
        if let Some((ranks, after)) = &self.after {
            let mine = self.keys.first().map(|_| first).into_iter().chain(rest.iter().copied());
            if mine.cmp(ranks.iter().copied()).then(id.cmp(after)).is_le() {
                return Ok(None);
            }
        }
        Ok(Some(Candidate { first, rest, id, doc, score }))
    }

    /// What a call is sorted by. Of long texts that is the head, in hexadecimal digits: they have its order, and
    /// a head may end within a character.
    pub(super) fn values(&self, doc: DocId, score: f32, texts: &mut Texts) -> Result<Vec<SortValue>, SearchError> {
        let values = self.keys.iter().enumerate().map(|(at, key)| {
            Ok(SortValue::Value(match &key.of {
                Ranked::Relevance => return Ok(SortValue::Score(score)),
                Ranked::Id => self.ids.id(doc).map_or(Value::Null, Value::Id),
                Ranked::Column(column, fast) => match fast.first(doc) {
                    None => Value::Null,
                    Some(raw) if fast.dictionary.is_none() => fast.value(*column, raw)?,
                    Some(raw) => match texts.get(&(at, raw)) {
                        Some(value) => value.clone(),
                        None => texts.entry((at, raw)).or_insert(fast.value(*column, raw)?).clone(),
                    },
                },
                Ranked::Long(heads) => match heads.first(doc) {
                    None => Value::Null,
                    Some(ordinal) => Value::text(hexadecimal(&heads.bytes(ordinal)?)),
                },
            }))
        });
        values.collect()
    }
}

impl Key {
    fn null(&self) -> u128 {
        if self.key.nulls_first { NULL_FIRST } else { NULL_LAST }
    }

    fn rank(&self, doc: DocId, score: f32, ids: &KeyColumns) -> u128 {
        match &self.of {
            Ranked::Column(_, fast) | Ranked::Long(fast) => {
                fast.first(doc).map_or_else(|| self.null(), |raw| directed(&self.key, 2 * u128::from(raw) + 2))
            }
            Ranked::Id => ids.id(doc).map_or_else(|| self.null(), |id| self.id_rank(id)),
            Ranked::Relevance => score_rank(&self.key, score),
        }
    }

    fn id_rank(&self, id: Uuid) -> u128 {
        if self.key.descending { !id.as_u128() } else { id.as_u128() }
    }

    /// The rank that a value has in this segment, or would have.
    fn rank_of(&self, value: &SortValue, id: Uuid) -> Result<u128, SearchError> {
        let value = match value {
            SortValue::Score(score) => return Ok(score_rank(&self.key, *score)),
            SortValue::Value(Value::Null) => return Ok(self.null()),
            SortValue::Value(value) => value,
        };
        let ordinal = |fast: &FastColumn, bytes: &[u8]| {
            let Some(dictionary) = &fast.dictionary else { return Ok(1) };
            Ok::<_, SearchError>(match dictionary.term_ord_or_next(bytes)? {
                TermOrdHit::Exact(ordinal) => 2 * u128::from(ordinal) + 2,
                TermOrdHit::Next(ordinal) => 2 * u128::from(ordinal) + 1,
            })
        };
        let rank = match (&self.of, value) {
            (Ranked::Id, Value::Id(mine)) => return Ok(self.id_rank(*mine)),
            (Ranked::Id | Ranked::Relevance, _) => return Ok(self.id_rank(id)),
            (Ranked::Column(_, fast), Value::Text(text)) => ordinal(fast, text.as_bytes())?,
            (Ranked::Column(_, fast), Value::Id(id)) => ordinal(fast, id.as_hyphenated().to_string().as_bytes())?,
            (Ranked::Long(heads), Value::Text(digits)) => ordinal(heads, &of_hexadecimal(digits))?,
            (Ranked::Column(..) | Ranked::Long(_), value) => {
                let number = number(value).ok_or_else(|| SearchError::Refused("a position of another order".into()))?;
                2 * u128::from(number) + 2
            }
        };
        Ok(directed(&self.key, rank))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(digits, "{byte:02x}").expect("a String takes every write");
    }
    digits
}

/// The bytes that these digits stand for, up to the first that is no digit.
fn of_hexadecimal(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map_while(byte).collect()
}
