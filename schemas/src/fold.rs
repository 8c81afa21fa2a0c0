//! The fold: a call's state is the join of its events, whatever their order, repetition or split.
//!
//! Commutative, associative and idempotent. No clock, no configuration, no reference data.

mod texts;

pub use texts::StoredTexts;

use serde::{Deserialize, Serialize};

use crate::event::{CallEvent, CallEventType};
use crate::model::Column;
use crate::time::{Date, Timestamp};
use crate::value::Value;

/// Changes whenever the same events fold to another state. An index of another version is rebuilt.
pub const FOLD_VERSION: u32 = 3;

/// The state of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallState {
    Live(LiveCall),
    /// Absorbs every event. Project and call id are all that stays.
    Erased,
}

/// What the events of a call say of it together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCall {
    seen: EventTypes,
    created_at: Option<Date>,
    updated_at: Option<Date>,
    version: Option<i64>,
    /// The winning claims, by the columns that lead them.
    claims: Vec<Claim>,
}

/// The types of event seen, a bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct EventTypes(u8);

impl EventTypes {
    const ANNOTATED: Self = Self::of(CallEventType::Annotated);

    const fn of(event_type: CallEventType) -> Self {
        Self(1 << (event_type as u8))
    }
}

/// Who wins a claim: the greater stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Stamp {
    rank: u8,
    time: Timestamp,
    /// xxh3-128 of the record's value.
    hash: u128,
}

/// A claim on one column, or on several that are won and lost together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    leader: Column,
    stamp: Stamp,
    values: Vec<(Column, Value)>,
}

impl Claim {
    /// Whether it claims the status that a call has before its outcome. That is none, whatever event says it: it
    /// ranks as a start does, so that any outcome, and the end of waiting for one, outranks it.
    fn says_running(&self) -> bool {
        let running = CallEventType::Started.implied_status();
        self.values.iter().any(|(column, value)| *column == Column::Status && value.as_text() == running)
    }
}

/// What a merge did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Whether the state is another than before.
    pub changed: bool,
    /// Whether an outcome's prompt replaced another outcome's prompt: the producer reuses ids.
    pub prompt_replaced: bool,
}

impl CallState {
    /// The state that one event makes.
    pub fn of(event: CallEvent, value_hash: u128) -> Self {
        let event_type = event.event_type;
        if event_type == CallEventType::Erased {
            return Self::Erased;
        }
        let stamp = Stamp { rank: event_type.rank(), time: event.time, hash: value_hash };
        let date = event.time.date();
        let mut live = LiveCall {
            seen: EventTypes::of(event_type),
            created_at: (event_type != CallEventType::Annotated).then(|| event.data.created_at.unwrap_or(date)),
            updated_at: Some(event.data.updated_at.unwrap_or(date)),
            version: event.data.version,
            claims: Vec::new(),
        };
        let mut values = event.data.into_claims();
        values.retain(|(column, _)| event_type.may_claim(*column));
        if let Some(status) = event_type.implied_status()
            && !values.iter().any(|(column, _)| *column == Column::Status)
        {
            values.push((Column::Status, Value::text(status)));
        }
        values.sort_by_key(|(column, _)| (column.claim(), *column));
        for (column, value) in values {
            match live.claims.last_mut() {
                Some(claim) if claim.leader == column.claim() => claim.values.push((column, value)),
                _ => live.claims.push(Claim { leader: column.claim(), stamp, values: vec![(column, value)] }),
            }
        }
        if let Some(claim) = live.claims.iter_mut().find(|claim| claim.says_running()) {
            claim.stamp.rank = claim.stamp.rank.min(CallEventType::Started.rank());
        }
        if let Some(column) = implied_date(event_type) {
            let implied = Stamp { rank: 0, ..stamp };
            live.claim(Claim { leader: column, stamp: implied, values: vec![(column, Value::Date(date))] });
        }
        Self::Live(live)
    }

    /// Bytes of all texts, which are nearly all of a large state.
    pub fn text_bytes(&self) -> usize {
        let Self::Live(live) = self else { return 0 };
        let values = live.claims.iter().flat_map(|claim| &claim.values);
        values.filter_map(|(_, value)| value.as_text()).map(str::len).sum()
    }

    /// Joins another state of the same call into this one.
    pub fn merge(&mut self, other: Self) -> Merged {
        match (&mut *self, other) {
            (Self::Erased, _) => Merged::default(),
            (_, Self::Erased) => {
                *self = Self::Erased;
                Merged { changed: true, prompt_replaced: false }
            }
            (Self::Live(live), Self::Live(other)) => live.merge(other),
        }
    }
}

/// The date that an event of this type claims for its own time, when nothing better is known.
fn implied_date(event_type: CallEventType) -> Option<Column> {
    match event_type {
        CallEventType::Started => Some(Column::RequestStartedAt),
        CallEventType::Completed | CallEventType::Failed => Some(Column::RequestCompletedAt),
        _ => None,
    }
}

impl LiveCall {
    fn merge(&mut self, other: Self) -> Merged {
        let before = (self.seen, self.created_at, self.updated_at, self.version);
        self.seen.0 |= other.seen.0;
        self.created_at = match (self.created_at, other.created_at) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.updated_at = self.updated_at.max(other.updated_at);
        self.version = self.version.max(other.version);
        let mut merged = Merged {
            changed: before != (self.seen, self.created_at, self.updated_at, self.version),
            prompt_replaced: false,
        };
        for claim in other.claims {
            let outcome = self.claim(claim);
            merged.changed |= outcome.changed;
            merged.prompt_replaced |= outcome.prompt_replaced;
        }
        merged
    }

    fn claim(&mut self, claim: Claim) -> Merged {
        match self.claims.binary_search_by_key(&claim.leader, |claim| claim.leader) {
            Err(at) => {
                self.claims.insert(at, claim);
                Merged { changed: true, prompt_replaced: false }
            }
            Ok(at) => match self.claims.get_mut(at) {
                Some(mine) if mine.stamp < claim.stamp => {
                    let outcome = CallEventType::Recorded.rank();
                    let prompt_replaced = claim.leader == Column::RequestPrompt
                        && mine.stamp.rank == outcome
                        && claim.stamp.rank == outcome
                        && mine.values != claim.values;
                    *mine = claim;
                    Merged { changed: true, prompt_replaced }
                }
                _ => Merged::default(),
            },
        }
    }

    /// Whether queries show the call: something else than annotations is known of it.
    pub fn is_visible(&self) -> bool {
        self.seen.0 & !EventTypes::ANNOTATED.0 != 0
    }

    pub fn created_at(&self) -> Option<Date> {
        self.created_at
    }

    pub fn updated_at(&self) -> Option<Date> {
        self.updated_at
    }

    /// The greatest version that an event names, else the number of types of event seen.
    pub fn version(&self) -> i64 {
        self.version.unwrap_or_else(|| i64::from(self.seen.0.count_ones()))
    }

    /// The value that won the claim on a column, if there is one.
    pub fn claimed(&self, column: Column) -> Option<&Value> {
        let at = self.claims.binary_search_by_key(&column.claim(), |claim| claim.leader).ok()?;
        let values = &self.claims.get(at)?.values;
        values.iter().find(|(claimed, _)| *claimed == column).map(|(_, value)| value)
    }
}

/// A stored state that this build can't read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored state of a call can't be read")]
pub struct UnreadableState(#[from] postcard::Error);

impl CallState {
    /// The bytes that the index stores.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a state holds nothing that postcard refuses")
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, UnreadableState> {
        Ok(postcard::from_bytes(bytes)?)
    }
}
