//! Lines and metrics about what the projector comes across.

use std::time::{Duration, Instant};

use schemas::id::CallKey;

use crate::checkpoint::Checkpoint;
use crate::snapshot::Building;
use crate::writer::batch::PassedOver;

/// Least time between two lines about the same thing.
pub(super) const LINE_EVERY: Duration = Duration::from_secs(10);

/// Tells of records that are passed over, now and then.
#[derive(Debug, Default)]
pub(crate) struct PassedOverLines {
    said: Option<Instant>,
}

impl PassedOverLines {
    pub(super) fn say(&mut self, first: &PassedOver, records: u64) {
        metrics::counter!("llm_log_records_passed_over_total").increment(records);
        if self.said.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
            self.said = Some(Instant::now());
            tracing::warn!(
                record.partition = first.partition,
                record.offset = first.offset,
                records,
                reason = %first.reason,
                "records of the log can't be applied and are passed over"
            );
        }
    }
}

pub(super) fn prompt_replaced(key: CallKey) {
    metrics::counter!("llm_log_prompts_replaced_total").increment(1);
    tracing::warn!(
        project.id = %key.project,
        call.id = %key.call,
        "an event replaced the prompt of another request: its producer uses an id again"
    );
}

/// How far the index is, if it is being built.
pub(super) fn building(checkpoint: &Checkpoint) -> Option<Building> {
    let records = checkpoint.building_to.values().sum();
    let read = checkpoint.building_to.iter().map(|(partition, to)| checkpoint.next_of(*partition).min(*to)).sum();
    (records > 0).then_some(Building { records_read: read, records })
}

pub(super) fn progress(checkpoint: &Checkpoint) {
    if let Some(Building { records_read, records }) = building(checkpoint) {
        tracing::info!(records_read, records, "the index is being built from the log");
    }
}
