//! Counts and sums over matching calls: from the counters where they know enough, else from the calls' columns.

mod by_columns;
mod by_counters;
mod group_sums;

use schemas::limits::STATS_GROUPS_VISITED;
use schemas::query::Filter;
use schemas::reader::StatsRequest;
use schemas::stats::{GroupBy, StatsPage};

use crate::lowering::Condition;
use crate::search::{Search, SearchError};

const DAY_MS: i64 = 86_400_000;

/// How many calls match.
pub(crate) fn count(search: &Search, filter: &Filter) -> Result<u64, SearchError> {
    count_with(search, filter, &Condition::of(filter, None, search)?)
}

/// The same, for who has the filter's condition already.
pub(crate) fn count_with(search: &Search, filter: &Filter, condition: &Condition<'_>) -> Result<u64, SearchError> {
    if by_counters::can_tell(search, filter) {
        Ok(by_counters::count(search, filter))
    } else {
        by_columns::count(search, filter, condition)
    }
}

/// The sums of the calls that match, by group.
pub(crate) fn stats(search: &Search, request: &StatsRequest) -> Result<StatsPage, SearchError> {
    let StatsRequest { filter, group_by, percentiles, limit, .. } = request;
    if !percentiles && by_counters::can_tell(search, filter) && group_by.iter().all(|by| by_counters::knows(*by)) {
        Ok(by_counters::stats(search, filter, group_by)?.page(group_by, *limit))
    } else {
        Ok(StatsPage::of(by_columns::stats(search, filter, group_by, *percentiles)?, *limit))
    }
}

/// Refuses requests that would make more groups than a reader should hold.
fn check_groups(groups: usize, group_by: &[GroupBy]) -> Result<(), SearchError> {
    if groups <= STATS_GROUPS_VISITED {
        return Ok(());
    }
    let names: Vec<&str> = group_by.iter().map(|by| by.name()).collect();
    Err(SearchError::Refused(format!(
        "groupBy: {} make more than {STATS_GROUPS_VISITED} groups: expected a narrower query",
        names.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use schemas::model::Column;

    use super::*;

    #[test]
    fn a_request_that_makes_too_many_groups_is_refused_by_name() {
        let by = [GroupBy::Column(Column::UserId), GroupBy::Day];
        assert!(check_groups(STATS_GROUPS_VISITED, &by).is_ok());
        let refused = check_groups(STATS_GROUPS_VISITED + 1, &by).expect_err("too many");
        assert!(refused.to_string().contains("userId, day"), "{refused}");
    }
}
