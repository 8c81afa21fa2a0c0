//! An event before it is complete.

use schemas::event::{CallData, CallEventType, IncomingEvent};
use schemas::id::{CallId, ProjectId};
use schemas::model::Column;
use schemas::problem::Problems;
use schemas::value::Value;

/// A valid event of a known project. Ingest adds what it lacks: ids and time.
#[derive(Debug, Clone, PartialEq)]
pub struct CallEventDraft {
    project: ProjectId,
    event: IncomingEvent,
}

impl CallEventDraft {
    pub(crate) fn into_parts(self) -> (ProjectId, IncomingEvent) {
        (self.project, self.event)
    }
}

/// An event that a builder is still filling.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    project: ProjectId,
    pub(super) event: IncomingEvent,
}

impl Draft {
    pub(super) fn new(event_type: CallEventType, project: ProjectId, call: Option<CallId>) -> Self {
        let event = IncomingEvent {
            id: None,
            source: None,
            event_type,
            call,
            project: None,
            time: None,
            extensions: Vec::new(),
            data: CallData::default(),
        };
        Self { project, event }
    }

    pub(super) fn claim(&mut self, column: Column, value: Value) {
        self.event.data.claim(column, value);
    }

    pub(super) fn build(self) -> Result<CallEventDraft, Problems> {
        self.event.check()?;
        Ok(CallEventDraft { project: self.project, event: self.event })
    }
}
