//! Whether a role is ready, and if not, what is missing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use event_log::ReferenceFollower;
use ingest::{InboxState, InboxStatus};
use projector::ProjectorFailure;
use projector::snapshot::{Building, SharedStatus};
use schemas::id::Partition;
use schemas::limits::LOG_AWAY;
use schemas::reader::{CallReader, ReadError, ReaderStatus};
use tokio::sync::watch;

/// Whether the sample calls are visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleState {
    Loading,
    Visible,
}

/// What a role has to have before it is ready. A role without a part of it does not need that part.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    parts: OnceLock<Parts>,
    /// What the role waits for before its log is open.
    waits_for: Mutex<Option<String>>,
    /// Since when changes of the reference data are missed.
    stale_since: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) reference: Option<Arc<ReferenceFollower>>,
    pub(crate) reader: Option<Arc<dyn CallReader>>,
    /// Whether the reader has to serve every partition of the log, not only its own.
    pub(crate) every_partition: bool,
    pub(crate) projector: Option<watch::Receiver<Option<ProjectorFailure>>>,
    /// How the projector of this process is doing.
    pub(crate) status: Option<Arc<SharedStatus>>,
    /// How the taking of the inbox goes in this process.
    pub(crate) inbox: Option<InboxStatus>,
    pub(crate) samples: Option<watch::Receiver<SampleState>>,
}

/// What there is to say to whoever asks whether a role is ready.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    /// What is missing, a sentence each; nothing when the role is ready.
    pub(crate) missing: Vec<String>,
    /// How far answers are behind the end of the log; absent where nothing is answered.
    pub(crate) lag_ms: Option<u64>,
}

impl Readiness {
    /// Says what the role waits for as long as its log is not open.
    pub(crate) fn wait_for(&self, what: String) {
        *self.waits_for.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// Says what the role has, now that the log is open.
    pub(crate) fn watch(&self, parts: Parts) {
        // A role opens its log once.
        let _ = self.parts.set(parts);
    }

    /// Looks whether the reference data still follow their topic, and measures what changes without an event.
    pub(crate) fn observe(&self) {
        if let Some(status) = self.parts.get().and_then(|parts| parts.status.as_ref()) {
            measure(status);
        }
        let stale = self.parts.get().and_then(|parts| parts.reference.as_ref()).is_some_and(|it| it.is_stale());
        let mut since = self.stale_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = stale.then(|| since.unwrap_or_else(Instant::now));
    }

    pub(crate) async fn ready(&self) -> Ready {
        self.observe();
        let Some(parts) = self.parts.get() else {
            let waits_for = self.waits_for.lock().unwrap_or_else(PoisonError::into_inner);
            let why = waits_for.as_ref().map_or_else(String::new, |what| format!(": {what}"));
            return Ready { missing: vec![format!("the log is not open yet{why}")], lag_ms: None };
        };
        let (mut missing, mut lag_ms) = (Vec::new(), None);
        if let Some(reference) = &parts.reference {
            let stale_since = *self.stale_since.lock().unwrap_or_else(PoisonError::into_inner);
            if !reference.is_ready() {
                missing.push("the reference data are not read to the end seen at start".into());
            } else if stale_since.is_some_and(|since| since.elapsed() > LOG_AWAY) {
                missing.push("the reference data could not be read for five minutes".into());
            }
        }
        if let Some(projector) = &parts.projector
            && let Some(failure) = &*projector.borrow()
        {
            missing.push(format!("the projector has stopped: {failure}"));
        }
        if let Some(status) = &parts.status {
            missing.extend(of_projector(status));
        }
        if let Some(inbox) = &parts.inbox {
            missing.extend(of_inbox(inbox.state(), Instant::now()));
        }
        if let Some(reader) = &parts.reader {
            let status = reader.status().await;
            lag_ms = status.as_ref().ok().and_then(|status| status.lag_ms);
            missing.extend(of_reader(status, parts.every_partition));
        }
        if let Some(samples) = &parts.samples
            && *samples.borrow() == SampleState::Loading
        {
            missing.push("the sample calls are not visible yet".into());
        }
        Ready { missing, lag_ms }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn measure(status: &SharedStatus) {
    metrics::gauge!("llm_log_projector_lag_seconds").set(status.lag_ms() as f64 / 1000.0);
    let to_read = status.building().map_or(0, |building| building.records - building.records_read);
    metrics::gauge!("llm_log_index_records_to_build").set(to_read as f64);
}

fn of_projector(status: &SharedStatus) -> Vec<String> {
    let mut missing = Vec::new();
    if let Some(Building { records_read, records }) = status.building() {
        missing.push(format!("the index is being built: {records_read} of {records} records are read"));
    }
    if status.log_silent() > LOG_AWAY {
        missing.push("the log could not be read for five minutes".into());
    }
    missing
}

/// A broker that is away for a while makes nobody unready, and neither do partitions that another member has.
fn of_inbox(state: InboxState, now: Instant) -> Option<String> {
    match state {
        InboxState::Working => None,
        InboxState::Away { since, reason } => {
            (now - since > LOG_AWAY).then(|| format!("the inbox could not be taken for five minutes: {reason}"))
        }
        InboxState::Refused { reason } => Some(reason),
        InboxState::Ended => Some("the reader of the inbox has ended: the process has to be started again".into()),
    }
}

fn of_reader(status: Result<ReaderStatus, ReadError>, every_partition: bool) -> Vec<String> {
    let status = match status {
        Ok(status) => status,
        Err(error) => return vec![format!("calls can't be read: {error}")],
    };
    let mut missing = Vec::new();
    if !status.caught_up {
        missing.push("the log is not read to the end seen at start".into());
    }
    let mut unserved: BTreeSet<Partition> = status.unavailable.clone();
    if every_partition {
        unserved.extend((0..status.partitions_total).filter(|partition| !status.serving.contains_key(partition)));
        if status.partitions_total == 0 {
            missing.push("no projector answers".into());
        }
    }
    if !unserved.is_empty() {
        missing.push(format!("nobody serves the partitions {unserved:?}"));
    }
    missing
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status(serving: &[Partition], unavailable: &[Partition], caught_up: bool) -> ReaderStatus {
        ReaderStatus {
            log: None,
            partitions_total: 4,
            serving: serving.iter().map(|partition| (*partition, 7)).collect(),
            unavailable: unavailable.iter().copied().collect(),
            caught_up,
            lag_ms: Some(0),
        }
    }

    #[test]
    fn partitions_that_nobody_serves_are_named() {
        assert_eq!(of_reader(Ok(status(&[0, 1, 2, 3], &[], true)), true), Vec::<String>::new());
        assert_eq!(of_reader(Ok(status(&[0, 2], &[], true)), true), ["nobody serves the partitions {1, 3}"]);
        assert_eq!(of_reader(Ok(status(&[0, 2], &[], true)), false), Vec::<String>::new());
        assert_eq!(of_reader(Ok(status(&[0], &[2], true)), false), ["nobody serves the partitions {2}"]);
    }

    #[test]
    fn a_reader_that_is_behind_is_not_ready() {
        let missing = of_reader(Ok(status(&[0, 1, 2, 3], &[], false)), true);
        assert_eq!(missing, ["the log is not read to the end seen at start"]);
    }

    #[test]
    fn an_inbox_that_is_refused_or_left_is_missing_and_one_that_is_away_after_five_minutes() {
        let now = Instant::now();
        let reason = "the inbox can't be read: Kafka refuses".to_owned();
        assert_eq!(of_inbox(InboxState::Refused { reason: reason.clone() }, now), Some(reason));
        let ended = of_inbox(InboxState::Ended, now);
        assert_eq!(ended.as_deref(), Some("the reader of the inbox has ended: the process has to be started again"));
        assert_eq!(of_inbox(InboxState::Working, now), None);
        let away = InboxState::Away { since: now, reason: "no broker".into() };
        assert_eq!(of_inbox(away.clone(), now + LOG_AWAY), None);
        let long = of_inbox(away, now + LOG_AWAY + Duration::from_secs(1));
        assert_eq!(long.as_deref(), Some("the inbox could not be taken for five minutes: no broker"));
    }

    #[tokio::test]
    async fn nothing_is_ready_before_the_log_is_open() {
        let readiness = Readiness::default();
        assert_eq!(readiness.ready().await.missing, ["the log is not open yet"]);
        readiness.wait_for("Kafka does not answer".into());
        assert_eq!(readiness.ready().await.missing, ["the log is not open yet: Kafka does not answer"]);
    }
}
