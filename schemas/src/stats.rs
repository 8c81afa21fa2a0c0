//! Sums over calls, per group and in total.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

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

/// Durations below this have a step of their own; above it steps grow with them, so that each is exact to
/// three digits.
const EXACT_BELOW: u64 = 2048;

/// The distribution of a group's durations, exact to three digits. It takes as much memory as there are
/// different durations, so that many groups of few calls stay small.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations {
    /// How many durations fell into a step, by the step's least duration in milliseconds.
    steps: BTreeMap<u64, u64>,
}

/// What the least duration of a step is added to, to be the greatest.
fn step_width(duration_ms: u64) -> u64 {
    let digits = u64::BITS - duration_ms.leading_zeros();
    (1 << digits.saturating_sub(EXACT_BELOW.trailing_zeros())) - 1
}

impl Durations {
    /// A negative duration counts as none.
    pub fn record(&mut self, duration_ms: i64) {
        let duration = u64::try_from(duration_ms).unwrap_or(0);
        *self.steps.entry(duration & !step_width(duration)).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (step, count) in &other.steps {
            let mine = self.steps.entry(*step).or_default();
            *mine = mine.saturating_add(*count);
        }
    }

    /// The duration that this share of the calls does not exceed: the greatest of its step; none of no calls.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total = self.steps.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "between none and all of the calls"
        )]
        let wanted = ((share.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0_u64;
        let reached = self.steps.iter().find(|(_, count)| {
            seen = seen.saturating_add(**count);
            seen >= wanted
        });
        reached.map(|(step, _)| step + step_width(*step))
    }
}

impl Serialize for Durations {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.steps)
    }
}

impl<'de> Deserialize<'de> for Durations {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let steps = Vec::<(u64, u64)>::deserialize(deserializer)?;
        Ok(Self { steps: steps.into_iter().map(|(step, count)| (step & !step_width(step), count)).collect() })
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

/// The groups of a page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatsPage {
    /// Those with the most calls first, those with as many in the order of their values.
    pub groups: Vec<(Vec<Value>, Group)>,
    /// How many groups there are in all.
    pub count: u64,
    /// The sums over all of them.
    pub total: Group,
}

impl StatsPage {
    /// The first of these groups; all without a limit.
    pub fn of(groups: Groups, limit: Option<u32>) -> Self {
        let mut total = Group::default();
        for group in groups.values() {
            total.merge(group);
        }
        let mut groups = Vec::from_iter(groups);
        let count = u64::try_from(groups.len()).unwrap_or(u64::MAX);
        first_groups(&mut groups, limit, |(_, group)| group.totals.calls, |(a, _), (b, _)| a.cmp(b));
        Self { groups, count, total }
    }
}

/// Puts groups into the order of a page and leaves out what is beyond its limit.
pub fn first_groups<T>(
    groups: &mut Vec<T>,
    limit: Option<u32>,
    calls: impl Fn(&T) -> i128,
    by_values: impl Fn(&T, &T) -> Ordering,
) {
    let compare = |a: &T, b: &T| Reverse(calls(a)).cmp(&Reverse(calls(b))).then_with(|| by_values(a, b));
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    if groups.len() > limit {
        groups.select_nth_unstable_by(limit, compare);
        groups.truncate(limit);
    }
    groups.sort_unstable_by(compare);
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    fn duration() -> impl Strategy<Value = i64> {
        prop_oneof![-5..10i64, 2040..4100i64, 0..100_000i64, 0..=i64::MAX / 4]
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_a_histogram_of_three_digits(
            durations in proptest::collection::vec(duration(), 1..60),
            more in proptest::collection::vec(duration(), 0..20),
            share in 0.001..1.0f64,
        ) {
            let mut histogram = Histogram::<u64>::new(3).expect("three digits are within the library's range");
            let (mut sparse, mut rest) = (Durations::default(), Durations::default());
            for (to, from) in [(&mut sparse, &durations), (&mut rest, &more)] {
                for duration in from {
                    to.record(*duration);
                    histogram.record(u64::try_from(*duration).unwrap_or(0)).expect("it grows");
                }
            }
            sparse.merge(&rest);
            for share in [share, 0.5, 0.95, 0.99, 1.0] {
                prop_assert_eq!(sparse.quantile(share), Some(histogram.value_at_quantile(share)));
            }
            let bytes = postcard::to_stdvec(&sparse).expect("encoded");
            prop_assert_eq!(postcard::from_bytes::<Durations>(&bytes).expect("decoded"), sparse);
        }
    }

    #[test]
    fn no_calls_have_no_quantile() {
        assert_eq!(Durations::default().quantile(0.5), None);
    }
}
