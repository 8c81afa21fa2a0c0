//! Sums over calls, per group and in total.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::model::Column;
use crate::value::Value;

/// What calls are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GroupBy {
    /// The UTC day of `createdAt`; its key is the day's first instant.
    Day,
    Column(Column),
}

impl GroupBy {
    pub const ALL: [Self; 7] = [
        Self::Column(Column::ModelName),
        Self::Column(Column::LlmType),
        Self::Column(Column::LlmProviderId),
        Self::Column(Column::Status),
        Self::Column(Column::Feature),
        Self::Column(Column::UserId),
        Self::Day,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Column(column) => column.name(),
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }
}

/// Sums over a group of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub calls: i128,
    /// Calls of any status but `Success` and `Running`.
    pub errors: i128,
    pub total_tokens: i128,
    pub completion_tokens: i128,
    pub cached_input_tokens: i128,
    pub cache_creation_tokens: i128,
    pub cost_nano_usd: i128,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.total_tokens += other.total_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cached_input_tokens += other.cached_input_tokens;
        self.cache_creation_tokens += other.cache_creation_tokens;
        self.cost_nano_usd += other.cost_nano_usd;
    }

    pub fn subtract(&mut self, other: &Self) {
        self.calls -= other.calls;
        self.errors -= other.errors;
        self.total_tokens -= other.total_tokens;
        self.completion_tokens -= other.completion_tokens;
        self.cached_input_tokens -= other.cached_input_tokens;
        self.cache_creation_tokens -= other.cache_creation_tokens;
        self.cost_nano_usd -= other.cost_nano_usd;
    }
}

/// Whether a call of this status counts as an error.
pub fn is_error(status: &str) -> bool {
    status != "Success" && status != "Running"
}

/// The distribution of a group's durations, exact to three digits.
#[derive(Debug, Clone, PartialEq)]
pub struct Durations(Histogram<u64>);

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three digits are within the library's range"))
    }
}

impl Durations {
    pub fn record(&mut self, duration_ms: i64) {
        self.0.saturating_record(u64::try_from(duration_ms).unwrap_or(0));
    }

    pub fn merge(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// The duration that this share of the calls does not exceed; none of no calls.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(share))
    }
}

impl Serialize for Durations {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts: Vec<(u64, u64)> =
            self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect();
        counts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Durations {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut durations = Self::default();
        for (value, count) in Vec::<(u64, u64)>::deserialize(deserializer)? {
            durations.0.saturating_record_n(value, count);
        }
        Ok(durations)
    }
}

/// A group's sums.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub totals: Totals,
    /// Present when percentiles were asked for.
    pub durations: Option<Durations>,
}

impl Group {
    pub fn merge(&mut self, other: &Self) {
        self.totals.add(&other.totals);
        if let Some(theirs) = &other.durations {
            self.durations.get_or_insert_default().merge(theirs);
        }
    }
}

/// Every group, by its values in the order asked for.
pub type Groups = BTreeMap<Vec<Value>, Group>;
