//! What a segment's calls are sorted by: each key as a rank, the least first.

mod rank;
mod related;

pub(super) use rank::instant_rank;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use schemas::id::ProjectId;
use schemas::model::{Column, ColumnType};
use schemas::query::{SortBy, SortKey, SortPosition, SortValue};
use schemas::value::Value;
use tantivy::{DocId, SegmentReader};
use uuid::Uuid;

use self::rank::{before_rank, directed, null_rank, ordinal_rank, raw_rank, score_rank};
use self::related::RelatedRanks;
use super::top::Candidate;
use crate::index::schema::{CallFields, ColumnField};
use crate::lowering::number;
use crate::search::SearchError;
use crate::snapshot::{FastColumn, KeyColumns};

/// Whether the ranks of a key mean the same in every segment: ordinals of texts don't.
pub(super) fn is_comparable(by: &SortBy) -> bool {
    match by {
        SortBy::Relevance | SortBy::Related(_) | SortBy::Column(Column::Id) => true,
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
    let fits = |(key, value): (&SortKey, &SortValue)| match (&key.by, value) {
        (SortBy::Relevance, SortValue::Score(_)) | (SortBy::Related(_), SortValue::Value(_)) => true,
        (SortBy::Column(column), SortValue::Value(value)) => value.fits(*column),
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

/// The order of a list in one segment.
#[derive(Debug)]
pub(super) struct SegmentOrder {
    keys: Vec<Key>,
    ids: KeyColumns,
    after: Option<After>,
}

/// The ranks of the position to start after.
#[derive(Debug)]
struct After {
    ranks: Vec<u128>,
    id: Uuid,
    project: u128,
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
    Related(RelatedRanks),
    Id,
    Relevance,
}

/// What ordinals stand for that were looked up already.
#[derive(Debug, Default)]
pub(super) struct LookedUp {
    /// By key.
    texts: HashMap<(usize, u64), Value>,
    projects: HashMap<u64, ProjectId>,
}

impl SegmentOrder {
    pub(super) fn open(
        reader: &SegmentReader,
        fields: &CallFields,
        sort: &[SortKey],
        after: Option<&SortPosition>,
    ) -> Result<Self, SearchError> {
        let keys = sort.iter().map(|key| {
            let of = match &key.by {
                SortBy::Relevance => Ranked::Relevance,
                SortBy::Related(field) => Ranked::Related(RelatedRanks::open(reader, fields, field)?),
                SortBy::Column(Column::Id) => Ranked::Id,
                SortBy::Column(column) => {
                    let fast = FastColumn::of(reader, fields, *column)?;
                    match fields.column(*column) {
                        Some(ColumnField::Long(_)) => Ranked::Long(fast),
                        _ => Ranked::Column(*column, fast),
                    }
                }
            };
            Ok(Key { key: key.clone(), of })
        });
        let keys = keys.collect::<Result<Vec<_>, SearchError>>()?;
        let ids = KeyColumns::open(reader, fields)?;
        let after = after.map(|SortPosition { values, id, project }| {
            let ranks = keys.iter().zip(values).map(|(key, value)| key.rank_of(value, *id));
            let project = ordinal_rank(&ids.project, project.to_string().as_bytes())?;
            Ok::<_, SearchError>(After { ranks: ranks.collect::<Result<_, _>>()?, id: *id, project })
        });
        Ok(Self { after: after.transpose()?, keys, ids })
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
        if self.after.as_ref().and_then(|after| after.ranks.first()).is_some_and(|after| first < *after) {
            return Ok(None);
        }
        let id = self.ids.id(doc).ok_or(SearchError::Incomplete)?;
        let project = self.ids.project.first(doc).map(raw_rank).ok_or(SearchError::Incomplete)?;
        let rest = self.keys.get(1..).unwrap_or_default();
        let rest: Box<[u128]> = rest.iter().map(|key| key.rank(doc, score, &self.ids)).collect();
        if let Some(after) = &self.after {
            let mine = self.keys.first().map(|_| first).into_iter().chain(rest.iter().copied());
            let order = mine.cmp(after.ranks.iter().copied());
            if order.then((id, project).cmp(&(after.id, after.project))).is_le() {
                return Ok(None);
            }
        }
        Ok(Some(Candidate { first, rest, id, project, doc, score }))
    }

    /// A call's place in the order. Of long texts that is the head, in hexadecimal digits: they have its order, and
    /// a head may end within a character.
    pub(super) fn position(
        &self,
        candidate: &Candidate,
        looked_up: &mut LookedUp,
    ) -> Result<SortPosition, SearchError> {
        let Candidate { doc, score, id, .. } = *candidate;
        let values = self.keys.iter().enumerate().map(|(at, key)| {
            Ok(SortValue::Value(match &key.of {
                Ranked::Relevance => return Ok(SortValue::Score(score)),
                Ranked::Id => Value::Id(id),
                Ranked::Related(ranks) => ranks.value(doc),
                Ranked::Column(column, fast) => match fast.first(doc) {
                    None => Value::Null,
                    Some(raw) if fast.dictionary.is_none() => fast.value(*column, raw)?,
                    Some(raw) => match looked_up.texts.entry((at, raw)) {
                        Entry::Occupied(known) => known.get().clone(),
                        Entry::Vacant(new) => new.insert(fast.value(*column, raw)?).clone(),
                    },
                },
                Ranked::Long(heads) => match heads.first(doc) {
                    None => Value::Null,
                    Some(ordinal) => Value::text(hexadecimal(&heads.bytes(ordinal)?)),
                },
            }))
        });
        let values = values.collect::<Result<_, SearchError>>()?;
        let project = self.ids.project.first(doc).ok_or(SearchError::Incomplete)?;
        let project = match looked_up.projects.entry(project) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let key = self.ids.key(doc)?.ok_or(SearchError::Incomplete)?;
                *new.insert(key.project)
            }
        };
        Ok(SortPosition { values, id, project })
    }
}

impl Key {
    fn rank(&self, doc: DocId, score: f32, ids: &KeyColumns) -> u128 {
        match &self.of {
            Ranked::Column(_, fast) | Ranked::Long(fast) => {
                fast.first(doc).map_or_else(|| null_rank(&self.key), |raw| directed(&self.key, raw_rank(raw)))
            }
            Ranked::Related(ranks) => {
                let rank = ranks.rank(doc).map(u64::from);
                rank.map_or_else(|| null_rank(&self.key), |rank| directed(&self.key, raw_rank(rank)))
            }
            Ranked::Id => ids.id(doc).map_or_else(|| null_rank(&self.key), |id| self.id_rank(id)),
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
            SortValue::Value(Value::Null) => return Ok(null_rank(&self.key)),
            SortValue::Value(value) => value,
        };
        let rank = match (&self.of, value) {
            (Ranked::Id, Value::Id(mine)) => return Ok(self.id_rank(*mine)),
            (Ranked::Id | Ranked::Relevance, _) => return Ok(self.id_rank(id)),
            (Ranked::Related(ranks), value) => match ranks.rank_of(value) {
                Ok(rank) => raw_rank(rank),
                Err(next) => before_rank(next),
            },
            (Ranked::Column(_, fast), Value::Text(text)) => ordinal_rank(fast, text.as_bytes())?,
            (Ranked::Column(_, fast), Value::Id(id)) => ordinal_rank(fast, id.as_hyphenated().to_string().as_bytes())?,
            (Ranked::Long(heads), Value::Text(digits)) => ordinal_rank(heads, &of_hexadecimal(digits))?,
            (Ranked::Column(..) | Ranked::Long(_), value) => {
                raw_rank(number(value).ok_or_else(|| SearchError::Refused("a position of another order".into()))?)
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
