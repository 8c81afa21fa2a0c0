//! Counts and sums from the counters.

use std::ops::RangeInclusive;

use schemas::access::ReadScope;
use schemas::model::Column;
use schemas::query::Filter;
use schemas::stats::GroupBy;
use schemas::value::Value;

use super::group_sums::GroupSums;
use super::{DAY_MS, check_groups};
use crate::search::{Search, SearchError, instants};
use crate::snapshot::{Cell, Segment, Statuses};

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
        let statuses = statuses(filter, &[]);
        for (_, segment) in search.snapshot.segments() {
            visit(segment, search.scope, statuses, filter, |cell| calls += cell.calls());
        }
    }
    u64::try_from(calls).expect("a number of documents")
}

pub(super) fn stats<'a>(
    search: &'a Search,
    filter: &Filter,
    group_by: &[GroupBy],
) -> Result<GroupSums<'a>, SearchError> {
    let statuses = statuses(filter, group_by);
    let parts = search.fold_segments(GroupSums::default, |sums, _, _, segment| {
        visit(segment, search.scope, statuses, filter, |cell| sums.add(cell, group_by));
        check_groups(sums.len(), group_by)
    })?;
    let sums = parts.into_iter().reduce(|sums, part| sums.merge(&part)).unwrap_or_default();
    check_groups(sums.len(), group_by)?;
    Ok(sums)
}

/// The sums of a segment that match, within the scope.
fn visit<'a>(
    segment: &'a Segment,
    scope: ReadScope,
    statuses: Statuses,
    filter: &Filter,
    mut take: impl FnMut(&Cell<'a>),
) {
    segment.counters().cells(scope, statuses).filter(|cell| holds(filter, cell)).for_each(|cell| take(&cell));
}

/// Whether statuses have to be told apart.
fn statuses(filter: &Filter, group_by: &[GroupBy]) -> Statuses {
    if group_by.contains(&GroupBy::Column(Column::Status)) || asks_status(filter) {
        Statuses::Apart
    } else {
        Statuses::Together
    }
}

fn asks_status(filter: &Filter) -> bool {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().any(asks_status),
        Filter::Not(filter) => asks_status(filter),
        Filter::Null(column) | Filter::Equal(column, _) | Filter::OneOf(column, _) | Filter::Range(column, _) => {
            *column == Column::Status
        }
        Filter::Like(columns, _) => columns.contains(&Column::Status),
        Filter::FullText(..) => false,
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
