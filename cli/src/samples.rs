//! The sample calls that the binary brings along.

use schemas::event::IncomingEvent;
use schemas::reference::ReferenceRecord;

const CALLS: &str = include_str!("../samples/calls.jsonl");
const REFERENCE: &str = include_str!("../samples/reference.jsonl");

/// The name of the project that they belong to.
pub(crate) const PROJECT_NAME: &str = "sample";

/// Each sample call as an LLM Log object.
pub(crate) fn calls() -> impl Iterator<Item = (&'static str, IncomingEvent)> {
    CALLS.lines().map(|line| {
        let call = crate::plain_event::read_object(line.as_bytes());
        (line, call.expect("a test reads every sample"))
    })
}

/// The rows that the sample calls point to.
pub(crate) fn reference() -> impl Iterator<Item = ReferenceRecord> {
    REFERENCE.lines().map(|line| ReferenceRecord::decode_event(line.as_bytes()).expect("a test reads every sample"))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use schemas::id::ProjectId;
    use schemas::model::{Column, Relation};
    use schemas::reference::ReferenceData;
    use schemas::value::Value;

    use super::*;

    #[test]
    fn the_samples_are_valid_and_of_many_kinds() {
        let mut ids = BTreeSet::new();
        let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
        let mut features = BTreeSet::new();
        for (_, call) in calls() {
            let text = |column| call.data.claimed(column).and_then(Value::as_text).map(str::to_owned);
            ids.insert(call.call.expect("a sample has its id"));
            *statuses.entry(text(Column::Status).expect("a sample has a status")).or_default() += 1;
            features.insert(text(Column::Feature));
        }
        assert_eq!(ids.len(), calls().count(), "every call has an id of its own");
        assert!(ids.len() >= 300);
        assert!(features.len() >= 10, "{features:?}");
        let found: Vec<_> = statuses.keys().map(String::as_str).collect();
        assert_eq!(found, ["Abandoned", "Budget Exceeded", "Error", "Insufficient Balance", "Success"]);
    }

    #[test]
    fn the_sample_calls_point_to_sample_rows() {
        let mut data = ReferenceData::default();
        for (offset, record) in (0..).zip(reference()) {
            data.apply(offset, record);
        }
        let project = ProjectId::of_name(PROJECT_NAME);
        let relations = [
            (Column::LlmProviderId, Relation::LlmProvider),
            (Column::UserId, Relation::User),
            (Column::IncidentId, Relation::Incident),
            (Column::AlertId, Relation::Alert),
            (Column::ScheduledMaintenanceId, Relation::ScheduledMaintenance),
        ];
        let mut found = BTreeSet::new();
        for (line, call) in calls() {
            for (column, relation) in relations {
                if let Some(Value::Id(id)) = call.data.claimed(column) {
                    assert!(data.related(relation, project, *id).is_some(), "{column:?} of {line}");
                    found.insert(column.name());
                }
            }
        }
        assert_eq!(found.len(), relations.len(), "{found:?}");
    }
}
