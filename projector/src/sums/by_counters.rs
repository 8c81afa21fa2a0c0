//! Counts and sums from the counters.

use std::ops::RangeInclusive;

use schemas::model::Column;
use schemas::query::Filter;
use schemas::stats::{GroupBy, Groups};
use schemas::time::Date;
use schemas::value::Value;

use super::check_groups;
use crate::search::{Search, SearchError, instants};
use crate::snapshot::Cell;

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
        visit(search, filter, |cell| calls += cell.totals.calls);
    }
    u64::try_from(calls).expect("a number of documents")
}

pub(super) fn stats(search: &Search, filter: &Filter, group_by: &[GroupBy]) -> Result<Groups, SearchError> {
    let mut groups = Groups::new();
    visit(search, filter, |cell| {
        let key = group_by.iter().map(|by| value(cell, *by)).collect();
        groups.entry(key).or_default().totals.add(&cell.totals);
    });
    check_groups(groups.len(), group_by)?;
    Ok(groups)
}

fn visit(search: &Search, filter: &Filter, mut take: impl FnMut(&Cell<'_>)) {
    for (_, segment) in search.snapshot.segments() {
        segment.counters().cells(search.scope).filter(|cell| holds(filter, cell)).for_each(|cell| take(&cell));
    }
}

fn value(cell: &Cell<'_>, by: GroupBy) -> Value {
    match by {
        GroupBy::Day => Value::Date(Date(i64::from(cell.day) * DAY_MS)),
        GroupBy::Column(Column::ProjectId) => Value::Id(cell.project.0),
        GroupBy::Column(Column::ModelName) => cell.model.clone(),
        GroupBy::Column(Column::Status) => cell.status.clone(),
        GroupBy::Column(_) => Value::Null,
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
    let value = |column: Column| match column {
        Column::ProjectId => Value::Id(cell.project.0),
        Column::ModelName => cell.model.clone(),
        Column::Status => cell.status.clone(),
        // Never null, and asked for no more than that.
        _ => Value::Boolean(true),
    };
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| holds(filter, cell)),
        Filter::Any(filters) => filters.iter().any(|filter| holds(filter, cell)),
        Filter::Not(filter) => !holds(filter, cell),
        Filter::Null(column) => value(*column).is_null(),
        Filter::Equal(column, wanted) => !wanted.is_null() && value(*column) == *wanted,
        Filter::OneOf(column, wanted) => {
            let value = value(*column);
            !value.is_null() && wanted.contains(&value)
        }
        Filter::Range(_, bounds) => instants(bounds)
            .and_then(|instants| days(&instants))
            .is_some_and(|days| days.contains(&i64::from(cell.day))),
        Filter::FullText(..) | Filter::Like(..) => false,
    }
}
