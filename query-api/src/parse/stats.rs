//! What a stats request asks for beside its query.

use schemas::limits::{STATS_GROUPS, STATS_GROUPS_MAX};
use schemas::stats::GroupBy;
use serde_json::{Map, Value as Json};

use super::js;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatsOptions {
    pub(crate) group_by: Vec<GroupBy>,
    /// Greatest number of groups to answer with.
    pub(crate) limit: u32,
    pub(crate) percentiles: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StatsError {
    #[error("limit: expected a whole number from 1 to {STATS_GROUPS_MAX}")]
    Limit,
    #[error("percentiles: expected true or false")]
    Percentiles,
    #[error("groupBy: expected an array with some of {}, each once", GroupBy::ALL.map(GroupBy::name).join(", "))]
    GroupBy,
}

/// The number of groups, which like a page's size is checked before permissions are.
pub(crate) fn limit(body: &Map<String, Json>) -> Result<u32, StatsError> {
    match body.get("limit") {
        None | Some(Json::Null) => Ok(STATS_GROUPS),
        Some(value) => {
            // 5.0 is the same number.
            let limit = value.as_number().and_then(|_| js::string_of(value).parse::<u32>().ok());
            limit.filter(|limit| (1..=STATS_GROUPS_MAX).contains(limit)).ok_or(StatsError::Limit)
        }
    }
}

pub(crate) fn parse(body: &Map<String, Json>) -> Result<StatsOptions, StatsError> {
    let percentiles = match body.get("percentiles") {
        None | Some(Json::Null) => false,
        Some(Json::Bool(percentiles)) => *percentiles,
        Some(_) => return Err(StatsError::Percentiles),
    };
    Ok(StatsOptions { group_by: group_by(body.get("groupBy"))?, limit: limit(body)?, percentiles })
}

/// An array of names, or one name.
fn group_by(value: Option<&Json>) -> Result<Vec<GroupBy>, StatsError> {
    let names = match value {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(names)) => names.as_slice(),
        Some(name) => std::slice::from_ref(name),
    };
    let mut groups = Vec::new();
    for name in names {
        let group = name.as_str().and_then(GroupBy::of_name).ok_or(StatsError::GroupBy)?;
        if groups.contains(&group) {
            return Err(StatsError::GroupBy);
        }
        groups.push(group);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use schemas::model::Column;
    use serde_json::json;

    use super::*;

    fn of(body: &Json) -> Result<StatsOptions, StatsError> {
        parse(body.as_object().expect("an object"))
    }

    #[test]
    fn groups_are_named_once_each() {
        let options = of(&json!({"groupBy": ["modelName", "day"], "limit": 3, "percentiles": true})).expect("valid");
        assert_eq!(options.group_by, [GroupBy::Column(Column::ModelName), GroupBy::Day]);
        assert_eq!((options.limit, options.percentiles), (3, true));
        assert_eq!(of(&json!({"limit": 5.0})).expect("valid").limit, 5);
        assert_eq!(of(&json!({"groupBy": "status"})).expect("valid").group_by, [GroupBy::Column(Column::Status)]);
        for (body, error) in [
            (json!({"groupBy": ["requestPrompt"]}), StatsError::GroupBy),
            (json!({"groupBy": ["day", "day"]}), StatsError::GroupBy),
            (json!({"groupBy": {"day": true}}), StatsError::GroupBy),
            (json!({"limit": 0}), StatsError::Limit),
            (json!({"limit": 10_001}), StatsError::Limit),
            (json!({"limit": "5"}), StatsError::Limit),
            (json!({"limit": 5.5}), StatsError::Limit),
            (json!({"percentiles": 1}), StatsError::Percentiles),
        ] {
            assert_eq!(of(&body), Err(error), "{body}");
        }
    }
}
