//! Counts and sums over matching calls: from the counters where they know enough, else from the calls' columns.

mod by_columns;
mod by_counters;

use schemas::limits::STATS_GROUPS_VISITED;
use schemas::query::Filter;
use schemas::reader::StatsRequest;
use schemas::stats::{GroupBy, Groups};

use crate::search::{Search, SearchError};

/// Greatest number of groups of a request with percentiles: a distribution takes tens of kilobytes.
const GROUPS_WITH_PERCENTILES: usize = 2000;

/// How many calls match.
pub(crate) fn count(search: &Search, filter: &Filter) -> Result<u64, SearchError> {
    if by_counters::can_tell(search, filter) {
        Ok(by_counters::count(search, filter))
    } else {
        by_columns::count(search, filter)
    }
}

/// The sums of the calls that match, by group.
pub(crate) fn stats(search: &Search, request: &StatsRequest) -> Result<Groups, SearchError> {
    let StatsRequest { filter, group_by, percentiles, .. } = request;
    if !percentiles && by_counters::can_tell(search, filter) && group_by.iter().all(|by| by_counters::knows(*by)) {
        by_counters::stats(search, filter, group_by)
    } else {
        by_columns::stats(search, filter, group_by, *percentiles)
    }
}

/// Refuses requests that would make more groups than a reader should hold.
fn check_groups(groups: usize, group_by: &[GroupBy], percentiles: bool) -> Result<(), SearchError> {
    let limit = if percentiles { GROUPS_WITH_PERCENTILES } else { STATS_GROUPS_VISITED };
    if groups <= limit {
        return Ok(());
    }
    let names: Vec<&str> = group_by.iter().map(|by| by.name()).collect();
    let with = if percentiles { " with percentiles" } else { "" };
    Err(SearchError::Refused(format!(
        "groupBy: {} make more than {limit} groups{with}: expected a narrower query",
        names.join(", ")
    )))
}
