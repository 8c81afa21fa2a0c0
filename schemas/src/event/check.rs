//! What an event may say and has to say, by its type.

use super::{CallData, CallEventType, IncomingEvent};
use crate::limits::{ATTRIBUTE_BYTES, NUMBER_MAX};
use crate::model::{Column, ColumnType};
use crate::money::NanoUsd;
use crate::problem::{Problem, Problems};
use crate::value::Value;

impl CallEventType {
    /// Whether an event of this type may claim the column.
    pub fn may_claim(self, column: Column) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Recorded | Self::Started => column.is_claimable(),
            Self::Annotated => matches!(
                column,
                Column::IncidentId
                    | Column::AlertId
                    | Column::ScheduledMaintenanceId
                    | Column::AiRunId
                    | Column::UserId
                    | Column::Feature
                    | Column::CostInUsdCents
                    | Column::WasBilled
            ),
            Self::Abandoned | Self::Erased => false,
        }
    }

    /// The columns that an event of this type may claim, in the order of the model.
    pub fn claimable(self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(move |column| self.may_claim(*column))
    }
}

pub(super) fn erased_call_expectation() -> String {
    format!("the id of the call to erase, {}", ColumnType::ObjectId.expectation())
}

impl IncomingEvent {
    /// Whether an event that was put together in code is one that could also have been read.
    pub fn check(&self) -> Result<(), Problems> {
        let mut problems = Vec::new();
        for (name, attribute) in [("id", &self.id), ("source", &self.source)] {
            if attribute.as_ref().is_some_and(|text| text.is_empty() || text.len() > ATTRIBUTE_BYTES) {
                problems.push(Problem::of_member("", name, attribute_expectation()));
            }
        }
        if self.time.is_some_and(|time| !time.is_valid()) {
            problems.push(Problem::of_member("", "time", ColumnType::Date.expectation()));
        }
        if self.event_type == CallEventType::Erased && self.call.is_none() {
            problems.push(Problem::new("/subject", erased_call_expectation()));
        }
        self.data.check("/data", self.event_type, &mut problems);
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }
}

impl CallData {
    fn check(&self, parent: &str, event_type: CallEventType, problems: &mut Vec<Problem>) {
        for (column, date) in [(Column::CreatedAt, self.created_at), (Column::UpdatedAt, self.updated_at)] {
            if date.is_some_and(|date| !date.is_valid()) {
                problems.push(Problem::of_member(parent, column.name(), column.column_type().expectation()));
            }
        }
        if self.version.is_some_and(|version| !(0..=NUMBER_MAX).contains(&version)) {
            problems.push(Problem::of_member(parent, Column::Version.name(), ColumnType::Number.expectation()));
        }
        for (column, value) in self.claims() {
            if !in_range(value) {
                problems.push(Problem::of_member(parent, column.name(), column.column_type().expectation()));
            }
            if let Err(problem) = check_claim(parent, event_type, *column, value) {
                problems.push(problem);
            }
        }
        self.check_needs(parent, event_type, problems);
    }

    /// Adds what an event of this type needs and these claims lack.
    pub(super) fn check_needs(&self, parent: &str, event_type: CallEventType, problems: &mut Vec<Problem>) {
        let status_is_wrong = problems.iter().any(|problem| problem.pointer == format!("{parent}/status"));
        if event_type == CallEventType::Recorded && self.claimed(Column::Status).is_none() && !status_is_wrong {
            problems.push(Problem::of_member(parent, "status", "the outcome, such as \"Success\" or \"Error\""));
        }
        if event_type == CallEventType::Annotated && self.claims().is_empty() && problems.is_empty() {
            let names: Vec<_> = event_type.claimable().map(Column::name).collect();
            problems.push(Problem::new(parent, format!("at least one of {}", names.join(", "))));
        }
    }
}

/// Whether an event of this type may claim this value.
pub(super) fn check_claim(
    parent: &str,
    event_type: CallEventType,
    column: Column,
    value: &Value,
) -> Result<(), Problem> {
    if !event_type.may_claim(column) {
        let expected = format!("no such member in an event of type {event_type}");
        return Err(Problem::of_member(parent, column.name(), expected));
    }
    if event_type == CallEventType::Failed && column == Column::Status && value.as_text() == Some("Success") {
        let expected = "the status of a failure, such as \"Error\"";
        return Err(Problem::of_member(parent, column.name(), expected));
    }
    Ok(())
}

pub(super) fn attribute_expectation() -> String {
    format!("a string of 1 to {ATTRIBUTE_BYTES} bytes")
}

fn in_range(value: &Value) -> bool {
    match value {
        Value::Number(number) => (0..=NUMBER_MAX).contains(number),
        Value::Cents(amount) => (NanoUsd::MIN..=NanoUsd::MAX).contains(amount),
        Value::Date(date) => date.is_valid(),
        Value::Null | Value::Boolean(_) | Value::Id(_) | Value::Text(_) => true,
    }
}
