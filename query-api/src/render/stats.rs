//! Sums over calls.

use chrono::DateTime;
use schemas::event::RawJson;
use schemas::money::cents_text;
use schemas::stats::{Durations, Group, GroupBy, StatsPage};
use schemas::value::Value;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::row::ShownValue;
use crate::compat::Compat;
use crate::parse::stats::StatsOptions;

/// The groups with the most calls, how many there are in all, and the sums over all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatsAnswer<'a> {
    pub(crate) page: &'a StatsPage,
    pub(crate) options: &'a StatsOptions,
    pub(crate) compat: Compat,
}

impl Serialize for StatsAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { page: StatsPage { groups, count, total }, options, compat } = *self;
        let answer = |values, group| GroupAnswer { values, group, options, compat };
        // Calls that are not grouped are in the sums only.
        let (groups, count) = if options.group_by.is_empty() { (&[][..], &0) } else { (groups.as_slice(), count) };
        let groups: Vec<GroupAnswer<'_>> = groups.iter().map(|(values, group)| answer(values, group)).collect();
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("groups", &groups)?;
        map.serialize_entry("groupCount", count)?;
        map.serialize_entry("total", &answer(&[], total))?;
        map.end()
    }
}

struct GroupAnswer<'a> {
    values: &'a [Value],
    group: &'a Group,
    options: &'a StatsOptions,
    compat: Compat,
}

impl Serialize for GroupAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let totals = &self.group.totals;
        let mut map = serializer.serialize_map(None)?;
        for (group, value) in self.options.group_by.iter().zip(self.values) {
            match (group, value) {
                (GroupBy::Day, Value::Date(date)) => {
                    let day = DateTime::from_timestamp_millis(date.0).unwrap_or_default().format("%Y-%m-%d");
                    map.serialize_entry(group.name(), &day.to_string())?;
                }
                _ => map.serialize_entry(group.name(), &ShownValue::of(value, self.compat))?,
            }
        }
        map.serialize_entry("calls", &totals.calls)?;
        map.serialize_entry("errors", &totals.errors)?;
        map.serialize_entry("totalTokens", &totals.total_tokens)?;
        map.serialize_entry("completionTokens", &totals.completion_tokens)?;
        map.serialize_entry("cachedInputTokens", &totals.cached_input_tokens)?;
        map.serialize_entry("cacheCreationTokens", &totals.cache_creation_tokens)?;
        let cents = RawValue::from_string(cents_text(totals.cost_nano_usd)).map(RawJson);
        map.serialize_entry("costInUSDCents", &cents.map_err(serde::ser::Error::custom)?)?;
        if self.options.percentiles {
            map.serialize_entry("durationMs", &Percentiles(self.group.durations.as_ref()))?;
        }
        map.end()
    }
}

struct Percentiles<'a>(Option<&'a Durations>);

impl Serialize for Percentiles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            map.serialize_entry(name, &self.0.and_then(|durations| durations.quantile(share)))?;
        }
        map.end()
    }
}
