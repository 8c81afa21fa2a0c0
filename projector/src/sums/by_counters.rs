//! Counts and sums from the counters.

use std::ops::RangeInclusive;

use rustc_hash::FxHashMap;
use schemas::access::ReadScope;
use schemas::id::ProjectId;
use schemas::model::Column;
use schemas::query::Filter;
use schemas::stats::{Group, GroupBy, Groups, Totals};
use schemas::time::Date;
use schemas::value::Value;

use super::check_groups;
use crate::search::{Search, SearchError, instants};
use crate::snapshot::{Cell, Segment};

const DAY_MS: i64 = 86_400_000;

/// Whether the counters know which of their calls match: all or none of each cell do.
pub(super) fn can_tell(search: &Search, filter: &Filter) -> bool {
    search.partitions.is_none() && decides(filter)
}

/// Whether calls that differ by it are counted apart.
pub(super) fn knows(by: GroupBy) -> bool {
    matches!(by, GroupBy::Day | GroupBy::Column(Column::ProjectId | Column::ModelName | Column::Status))
}

pub(super) fn count(search: &Search, filter: &Filter) -> u64 {
    let mut calls = 0;
    if matches!(filter, Filter::All(filters) if filters.is_empty()) {
        calls = search.snapshot.segments().map(|(_, segment)| segment.counters().calls(search.scope)).sum();
    } else {
        for (_, segment) in search.snapshot.segments() {
            visit(segment, search.scope, filter, |cell| calls += cell.calls());
        }
    }
    u64::try_from(calls).expect("a number of documents")
}

pub(super) fn stats(search: &Search, filter: &Filter, group_by: &[GroupBy]) -> Result<Groups, SearchError> {
    let parts = search.fold_segments(FxHashMap::default, |sums, _, segment| {
        // Neighbours are often of one group, so the last sum is kept at hand.
        let mut last: Option<(Shared<'_>, Totals)> = None;
        visit(segment, search.scope, filter, |cell| {
            let shared = Shared::of(cell, group_by);
            match &mut last {
                Some((same, sum)) if same.is(&shared) => cell.add_to(sum),
                _ => {
                    let mut sum = Totals::default();
                    cell.add_to(&mut sum);
                    add(sums, last.replace((shared, sum)));
                }
            }
        });
        add(sums, last);
        check_groups(sums.len(), group_by)
    })?;
    let mut parts = parts.into_iter();
    let mut sums: FxHashMap<Shared<'_>, Totals> = parts.next().unwrap_or_default();
    parts.for_each(|part| add(&mut sums, part));
    check_groups(sums.len(), group_by)?;
    // In about the order of the groups: their values, which are dear to compare, are hardly compared then.
    let mut sums: Vec<(Shared<'_>, Totals)> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|(shared, _)| *shared);
    let groups = sums.into_iter().map(|(shared, totals)| {
        let values = group_by.iter().map(|by| shared.value(*by)).collect();
        (values, Group { totals, durations: None })
    });
    Ok(groups.collect())
}

fn add<'a>(sums: &mut FxHashMap<Shared<'a>, Totals>, more: impl IntoIterator<Item = (Shared<'a>, Totals)>) {
    for (shared, sum) in more {
        sums.entry(shared).or_default().add(&sum);
    }
}

/// The sums of a segment that match, within the scope.
fn visit<'a>(segment: &'a Segment, scope: ReadScope, filter: &Filter, mut take: impl FnMut(&Cell<'a>)) {
    segment.counters().cells(scope).filter(|cell| holds(filter, cell)).for_each(|cell| take(&cell));
}

/// What the calls of a group share; nothing by which they are not grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Shared<'a> {
    project: Option<ProjectId>,
    day: Option<i32>,
    model: Option<&'a Value>,
    status: Option<&'a Value>,
}

impl<'a> Shared<'a> {
    fn of(cell: &Cell<'a>, group_by: &[GroupBy]) -> Self {
        let mut shared = Self::default();
        for by in group_by {
            match by {
                GroupBy::Day => shared.day = Some(cell.day),
                GroupBy::Column(Column::ProjectId) => shared.project = Some(cell.project),
                GroupBy::Column(Column::ModelName) => shared.model = Some(cell.model),
                GroupBy::Column(Column::Status) => shared.status = Some(cell.status),
                GroupBy::Column(_) => {}
            }
        }
        shared
    }

    /// Whether it is the same; not whether it is equal, which takes a look at the texts.
    fn is(&self, other: &Self) -> bool {
        let address = |value: Option<&Value>| value.map(std::ptr::from_ref);
        self.day == other.day
            && self.project == other.project
            && address(self.model) == address(other.model)
            && address(self.status) == address(other.status)
    }

    fn value(&self, by: GroupBy) -> Value {
        let value = match by {
            GroupBy::Day => self.day.map(|day| Value::Date(Date(i64::from(day) * DAY_MS))),
            GroupBy::Column(Column::ProjectId) => self.project.map(|project| Value::Id(project.0)),
            GroupBy::Column(Column::ModelName) => self.model.cloned(),
            GroupBy::Column(Column::Status) => self.status.cloned(),
            GroupBy::Column(_) => None,
        };
        value.unwrap_or(Value::Null)
    }
}

fn decides(filter: &Filter) -> bool {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().all(decides),
        Filter::Not(filter) => decides(filter),
        Filter::Null(column) => is_counted(*column) || *column == Column::CreatedAt,
        Filter::Equal(column, value) => is_counted(*column) && value.fits(*column),
        Filter::OneOf(column, values) => is_counted(*column) && values.iter().all(|value| value.fits(*column)),
        Filter::Range(Column::CreatedAt, bounds) => instants(bounds).and_then(|instants| days(&instants)).is_some(),
        Filter::Range(..) | Filter::FullText(..) | Filter::Like(..) => false,
    }
}

fn is_counted(column: Column) -> bool {
    matches!(column, Column::ProjectId | Column::ModelName | Column::Status)
}

/// The whole days that these instants are; none when they are part of a day.
fn days(instants: &RangeInclusive<i64>) -> Option<RangeInclusive<i64>> {
    let first = match *instants.start() {
        i64::MIN => i64::MIN,
        start if start.rem_euclid(DAY_MS) == 0 => start.div_euclid(DAY_MS),
        _ => return None,
    };
    let last = match *instants.end() {
        i64::MAX => i64::MAX,
        end if end.rem_euclid(DAY_MS) == DAY_MS - 1 => end.div_euclid(DAY_MS),
        _ => return None,
    };
    Some(first..=last)
}

fn holds(filter: &Filter, cell: &Cell<'_>) -> bool {
    let is = |column: Column, test: &dyn Fn(&Value) -> bool| match column {
        Column::ProjectId => test(&Value::Id(cell.project.0)),
        Column::ModelName => test(cell.model),
        Column::Status => test(cell.status),
        // Never null, and asked for no more than that.
        _ => test(&Value::Boolean(true)),
    };
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| holds(filter, cell)),
        Filter::Any(filters) => filters.iter().any(|filter| holds(filter, cell)),
        Filter::Not(filter) => !holds(filter, cell),
        Filter::Null(column) => is(*column, &Value::is_null),
        Filter::Equal(column, wanted) => is(*column, &|value| !value.is_null() && value == wanted),
        Filter::OneOf(column, wanted) => is(*column, &|value| !value.is_null() && wanted.contains(value)),
        Filter::Range(_, bounds) => instants(bounds)
            .and_then(|instants| days(&instants))
            .is_some_and(|days| days.contains(&i64::from(cell.day))),
        Filter::FullText(..) | Filter::Like(..) => false,
    }
}
