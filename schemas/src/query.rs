//! What a client asks for, once it is parsed: filters and orders over the columns of calls.

mod related;
mod relevance;

pub use related::RelatedField;
pub use relevance::Frequencies;

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::ProjectId;
use crate::like::LikePattern;
use crate::model::Column;
use crate::value::Value;

/// A condition on a call. It holds or it does not: a condition on a null column does not hold unless it
/// asks for null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Filter {
    /// Every one holds; an empty list always does.
    All(Vec<Filter>),
    /// At least one holds; an empty list never does.
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Null(Column),
    Equal(Column, Value),
    OneOf(Column, Vec<Value>),
    Range(Column, Bounds),
    /// The words are in at least one of the columns.
    FullText(Vec<Column>, TextQuery),
    /// At least one of the columns, written as a text, is like the pattern.
    Like(Vec<Column>, LikePattern),
}

impl Filter {
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    pub fn nothing() -> Self {
        Self::Any(Vec::new())
    }
}

/// A range of values. Text is ordered by its UTF-8 bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    pub lower: Option<Bound>,
    pub upper: Option<Bound>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    pub value: Value,
    pub inclusive: bool,
}

impl Bounds {
    pub fn contains(&self, value: &Value) -> bool {
        let above = self.lower.as_ref().is_none_or(|bound| match value.cmp(&bound.value) {
            Ordering::Greater => true,
            Ordering::Equal => bound.inclusive,
            Ordering::Less => false,
        });
        let below = self.upper.as_ref().is_none_or(|bound| match value.cmp(&bound.value) {
            Ordering::Less => true,
            Ordering::Equal => bound.inclusive,
            Ordering::Greater => false,
        });
        above && below && !value.is_null()
    }
}

/// A full-text query, as its language parses it. Texts are as the client wrote them: whoever searches
/// splits them into words and folds case and accents as the index did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TextQuery {
    All(Vec<TextQuery>),
    Any(Vec<TextQuery>),
    Not(Box<TextQuery>),
    Term(String),
    Phrase(String),
    /// Words that begin so.
    Prefix(String),
}

/// One key of an order. Every order ends in `_id` and then `projectId`, ascending, so no two calls are alike in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    pub by: SortBy,
    pub descending: bool,
    pub nulls_first: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortBy {
    Column(Column),
    /// A field of the row that a relation points to.
    #[serde(with = "related::shared")]
    Related(Arc<RelatedField>),
    /// BM25 of the full-text conditions.
    Relevance,
}

impl SortKey {
    /// The order of a column with Postgres's place for nulls: last when ascending, first when descending.
    pub fn of_column(column: Column, descending: bool) -> Self {
        Self { by: SortBy::Column(column), descending, nulls_first: descending }
    }

    /// The default order: newest first.
    pub fn newest_first() -> Vec<Self> {
        vec![Self::of_column(Column::CreatedAt, true)]
    }

    fn compare(&self, a: &SortValue, b: &SortValue) -> Ordering {
        use SortValue::{Score, Value as Of};
        let nulls = if self.nulls_first { Ordering::Less } else { Ordering::Greater };
        let ascending = match (a, b) {
            (Of(Value::Null), Of(Value::Null)) => return Ordering::Equal,
            (Of(Value::Null), _) => return nulls,
            (_, Of(Value::Null)) => return nulls.reverse(),
            (Of(a), Of(b)) => a.cmp(b),
            (Score(a), Score(b)) => a.total_cmp(b),
            (Of(_), Score(_)) | (Score(_), Of(_)) => Ordering::Equal,
        };
        if self.descending { ascending.reverse() } else { ascending }
    }
}

/// What a row is sorted by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SortValue {
    Value(Value),
    Score(f32),
}

/// A row's place in an order: a value per sort key, then the call's id and project. It stays comparable with the
/// places of all other rows whatever becomes of the row itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SortPosition {
    pub values: Vec<SortValue>,
    pub id: Uuid,
    pub project: ProjectId,
}

impl SortPosition {
    /// Which of two rows comes first under these keys.
    pub fn compare(&self, other: &Self, keys: &[SortKey]) -> Ordering {
        keys.iter()
            .zip(self.values.iter().zip(&other.values))
            .map(|(key, (mine, theirs))| key.compare(mine, theirs))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| (self.id, self.project).cmp(&(other.id, other.project)))
    }
}
