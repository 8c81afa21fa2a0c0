//! Sums by group while they are added up: texts are told apart by small numbers, which are cheap to compare.

use std::cmp::Ordering;
use std::ptr;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::{FxBuildHasher, FxHashMap};
use schemas::id::ProjectId;
use schemas::model::Column;
use schemas::stats::{Group, GroupBy, StatsPage, Totals, first_groups};
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

    /// The first groups, and what all of them are together. Values, which are dear to copy, are copied of those alone.
    pub(super) fn page(&self, group_by: &[GroupBy], limit: Option<u32>) -> StatsPage {
        let name = |name: Option<usize>| self.names.values.get_index(name?).copied();
        let compare = |a: &Shared, b: &Shared, by: &GroupBy| match by {
            GroupBy::Day => a.day.cmp(&b.day),
            GroupBy::Column(Column::ProjectId) => a.project.cmp(&b.project),
            GroupBy::Column(Column::ModelName) => name(a.model).cmp(&name(b.model)),
            GroupBy::Column(Column::Status) => name(a.status).cmp(&name(b.status)),
            GroupBy::Column(_) => Ordering::Equal,
        };
        let by_values = |(a, _): &(&Shared, _), (b, _): &(&Shared, _)| {
            group_by.iter().map(|by| compare(a, b, by)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        let mut first: Vec<(&Shared, &Totals)> = self.sums.iter().collect();
        first_groups(&mut first, limit, |(_, totals)| totals.calls, by_values);
        let value = |shared: &Shared, by: &GroupBy| match by {
            GroupBy::Day => shared.day.map(|day| Value::Date(Date(i64::from(day) * DAY_MS))),
            GroupBy::Column(Column::ProjectId) => shared.project.map(|project| Value::Id(project.0)),
            GroupBy::Column(Column::ModelName) => name(shared.model).cloned(),
            GroupBy::Column(Column::Status) => name(shared.status).cloned(),
            GroupBy::Column(_) => None,
        };
        let group = |totals: &Totals| Group { totals: totals.clone(), durations: None };
        let groups = first.into_iter().map(|(shared, totals)| {
            let values = group_by.iter().map(|by| value(shared, by).unwrap_or(Value::Null)).collect();
            (values, group(totals))
        });
        let mut total = Totals::default();
        for totals in self.sums.values() {
            total.add(totals);
        }
        StatsPage {
            groups: groups.collect(),
            count: u64::try_from(self.sums.len()).unwrap_or(u64::MAX),
            total: group(&total),
        }
    }
}
