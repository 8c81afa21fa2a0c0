//! Sums by group while they are added up: texts are told apart by small numbers, which are cheap to compare.

use std::ptr;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::{FxBuildHasher, FxHashMap};
use schemas::id::ProjectId;
use schemas::model::Column;
use schemas::stats::{Group, GroupBy, Groups, Totals};
use schemas::time::Date;
use schemas::value::Value;

use super::DAY_MS;
use crate::snapshot::Cell;

#[derive(Debug, Default)]
pub(super) struct GroupSums<'a> {
    names: Names<'a>,
    sums: IndexMap<Shared, Totals, FxBuildHasher>,
    /// The group added to last and its place: neighbours are often of one.
    last: Option<(Shared, usize)>,
}

/// What the calls of a group share; nothing by which they are not grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Shared {
    project: Option<ProjectId>,
    day: Option<i32>,
    model: Option<usize>,
    status: Option<usize>,
}

/// The values met so far, by number.
#[derive(Debug, Default)]
struct Names<'a> {
    values: IndexSet<&'a Value, FxBuildHasher>,
    /// The same value is met again and again: its place in memory tells it sooner than its text.
    by_address: FxHashMap<usize, usize>,
}

impl<'a> Names<'a> {
    fn of(&mut self, value: &'a Value) -> usize {
        let Self { values, by_address } = self;
        *by_address.entry(ptr::from_ref(value).addr()).or_insert_with(|| values.insert_full(value).0)
    }
}

impl<'a> GroupSums<'a> {
    pub(super) fn len(&self) -> usize {
        self.sums.len()
    }

    pub(super) fn add(&mut self, cell: &Cell<'a>, group_by: &[GroupBy]) {
        let mut shared = Shared::default();
        for by in group_by {
            match by {
                GroupBy::Day => shared.day = Some(cell.day),
                GroupBy::Column(Column::ProjectId) => shared.project = Some(cell.project),
                GroupBy::Column(Column::ModelName) => shared.model = Some(self.names.of(cell.model)),
                GroupBy::Column(Column::Status) => shared.status = Some(self.names.of(cell.status)),
                GroupBy::Column(_) => {}
            }
        }
        let place = match self.last {
            Some((same, place)) if same == shared => place,
            _ => {
                let entry = self.sums.entry(shared);
                let place = entry.index();
                entry.or_default();
                place
            }
        };
        self.last = Some((shared, place));
        if let Some((_, totals)) = self.sums.get_index_mut(place) {
            cell.add_to(totals);
        }
    }

    pub(super) fn merge(mut self, other: &Self) -> Self {
        let names: Vec<usize> = other.names.values.iter().map(|value| self.names.of(value)).collect();
        let own = |name: Option<usize>| name.and_then(|name| names.get(name).copied());
        for (shared, totals) in &other.sums {
            let shared = Shared { model: own(shared.model), status: own(shared.status), ..*shared };
            self.sums.entry(shared).or_default().add(totals);
        }
        self
    }

    pub(super) fn groups(&self, group_by: &[GroupBy]) -> Groups {
        let mut names: Vec<(&Value, usize)> = self.names.values.iter().copied().zip(0..).collect();
        names.sort_unstable();
        let ranks: FxHashMap<usize, usize> = names.iter().zip(0..).map(|((_, name), rank)| (*name, rank)).collect();
        let rank = |name: Option<usize>| name.and_then(|name| ranks.get(&name).copied());
        let ranked = |shared: &Shared| Shared { model: rank(shared.model), status: rank(shared.status), ..*shared };
        // In about the order of the groups: their values, which are dear to compare, are hardly compared then.
        let mut in_order: Vec<(Shared, &Totals)> =
            self.sums.iter().map(|(shared, totals)| (ranked(shared), totals)).collect();
        in_order.sort_unstable_by_key(|(shared, _)| *shared);
        let value_at = |rank: Option<usize>| names.get(rank?).map(|(value, _)| Value::clone(value));
        let value = |shared: &Shared, by: &GroupBy| match by {
            GroupBy::Day => shared.day.map(|day| Value::Date(Date(i64::from(day) * DAY_MS))),
            GroupBy::Column(Column::ProjectId) => shared.project.map(|project| Value::Id(project.0)),
            GroupBy::Column(Column::ModelName) => value_at(shared.model),
            GroupBy::Column(Column::Status) => value_at(shared.status),
            GroupBy::Column(_) => None,
        };
        let groups = in_order.into_iter().map(|(shared, totals)| {
            let values = group_by.iter().map(|by| value(&shared, by).unwrap_or(Value::Null)).collect();
            (values, Group { totals: totals.clone(), durations: None })
        });
        groups.collect()
    }
}
