//! The thread that writes the index: session after session, each begun where the last committed. How a batch is
//! applied, committed and published.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use event_log::EventLog;
use schemas::id::{LogId, Partition};
use schemas::positions::Offset;
use schemas::time::Clock;
use tokio::sync::watch;

use super::failure::ProjectorFailure;
use super::freshness::Freshness;
use super::log_lines::{self, PassedOverLines};
use super::session_end::SessionEnd;
use super::stop::{Backoff, Stop};
use crate::index::schema::CallFields;
use crate::snapshot::{SharedStatus, Snapshot, SnapshotCell};
use crate::step::Step;
use crate::writer::CallWriter;
use crate::writer::batch::FoldedBatch;
use crate::writer::folder::{Check, UnusableIndex, delete_outdated, set_aside};

/// What the projector's thread works with.
#[derive(Debug)]
pub(crate) struct ProjectorThread {
    pub(crate) folder: PathBuf,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) log_id: LogId,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) partitions_total: NonZeroU32,
    pub(crate) clock: Clock,
    pub(crate) fields: Arc<CallFields>,
    pub(crate) cell: Arc<SnapshotCell>,
    pub(crate) status: Arc<SharedStatus>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) failure: watch::Sender<Option<ProjectorFailure>>,
    /// The ends of the partitions when they were first seen.
    pub(crate) seen_at_start: Option<BTreeMap<Partition, Offset>>,
    /// What the next session compares with its checksums.
    pub(crate) check: Check,
    /// Whether it has since the last commit.
    pub(crate) has_panicked: bool,
    pub(crate) backoff: Backoff,
    pub(crate) passed_over: PassedOverLines,
}

impl ProjectorThread {
    /// Works until it is told to stop or can't go on.
    pub(crate) fn run(mut self) {
        while !self.stop.is_set() {
            let ended = catch_unwind(AssertUnwindSafe(|| self.session()));
            match ended.unwrap_or_else(|_| Err(self.panicked())) {
                Ok(()) => return,
                Err(SessionEnd::Failed(failure)) => {
                    tracing::error!(%failure, "the projector has stopped");
                    self.failure.send_replace(Some(failure));
                    return;
                }
                Err(SessionEnd::Unusable(reason)) => self.rebuild(&reason),
                Err(SessionEnd::Again { error, may_be_damage }) => {
                    if may_be_damage {
                        self.cell.checks().suspect();
                        // Without a snapshot nobody checks its files. Once is enough.
                        if self.cell.current().is_none() && self.backoff.is_fresh() {
                            self.check = Check::All;
                        }
                    }
                    if self.backoff.is_fresh() {
                        tracing::warn!(
                            error = &*error as &dyn std::error::Error,
                            "the projector can't go on, trying again from the last commit until it can"
                        );
                    }
                    metrics::counter!("llm_log_index_recoveries_total").increment(1);
                    self.stop.wait(self.backoff.next());
                }
            }
        }
    }

    /// Code that decodes what is damaged may panic, so after the first time all files are compared with their
    /// checksums. A second time in a row it is a fault of another kind.
    fn panicked(&mut self) -> SessionEnd {
        if std::mem::replace(&mut self.has_panicked, true) {
            return SessionEnd::Failed(ProjectorFailure::Panicked);
        }
        self.check = Check::All;
        SessionEnd::Again { error: "the projector panicked".into(), may_be_damage: false }
    }

    /// Takes the index out of the way, so that the next session makes a new one.
    fn rebuild(&mut self, reason: &UnusableIndex) {
        self.cell.set_unavailable(self.partitions.iter().copied().collect());
        match set_aside(&self.folder, reason) {
            Ok(aside) => {
                self.cell.checks().forget();
                tracing::warn!(
                    reason = reason as &dyn std::error::Error,
                    folder = %aside.display(),
                    "the index can't be used; it is set aside and rebuilt from the log"
                );
                metrics::counter!("llm_log_index_rebuilds_total").increment(1);
            }
            Err(error) => {
                if self.backoff.is_fresh() {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the index can't be used and its folder can't be set aside, trying again");
                }
                self.stop.wait(self.backoff.next());
            }
        }
    }

    pub(crate) fn apply(&mut self, writer: &mut CallWriter, batch: FoldedBatch) -> Result<(), SessionEnd> {
        metrics::counter!("llm_log_events_applied_total").increment(batch.events);
        if let Some(first) = &batch.passed_over {
            self.passed_over.say(first, batch.passed_over_count());
        }
        Step::Apply.begins();
        writer.apply(batch)?.into_iter().for_each(log_lines::prompt_replaced);
        Ok(())
    }

    pub(crate) fn commit(&mut self, writer: &mut CallWriter, freshness: &mut Freshness) -> Result<(), SessionEnd> {
        let checkpoint = writer.checkpoint();
        let is_built = !checkpoint.building_to.is_empty() && checkpoint.has_passed(&checkpoint.building_to);
        if is_built {
            writer.set_building_to(BTreeMap::new());
            tracing::info!("the index is built");
        }
        writer.commit()?;
        self.has_panicked = false;
        if !self.backoff.is_fresh() {
            tracing::info!("the index can be written again");
            self.backoff.reset();
        }
        self.publish(writer, freshness)?;
        if is_built && let Err(error) = delete_outdated(&self.folder) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the index that this one replaces could not be deleted");
        }
        Ok(())
    }

    /// Lets readers see the last commit, unless it is still behind what they see already.
    pub(crate) fn publish(&self, writer: &CallWriter, freshness: &mut Freshness) -> Result<(), SessionEnd> {
        let checkpoint = writer.checkpoint().clone();
        self.status.set_building(log_lines::building(&checkpoint));
        if !checkpoint.building_to.is_empty() {
            return Ok(());
        }
        let complete_to_ms = freshness.of(&checkpoint);
        let previous = self.cell.current();
        if previous.as_ref().is_some_and(|previous| !checkpoint.has_passed(&previous.checkpoint().next())) {
            return Ok(());
        }
        let caught_up = self.seen_at_start.as_ref().is_some_and(|ends| checkpoint.has_passed(ends));
        Step::Publish.begins();
        let snapshot = Snapshot::of(writer.committed().clone(), writer.fields(), checkpoint, previous.as_ref())?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53 documents")]
        {
            metrics::gauge!("llm_log_index_documents").set(writer.committed().num_docs() as f64);
            metrics::gauge!("llm_log_index_segments").set(writer.committed().segment_readers().len() as f64);
        }
        if previous.is_none() {
            // Nobody can take what it says for that of an older snapshot.
            self.status.set_complete_to_ms(complete_to_ms);
        }
        self.cell.publish(snapshot);
        if previous.is_none() {
            // Not before: there would be nothing to check, and the next check at leisure is a day away.
            self.cell.checks().want();
        }
        self.status.set_complete_to_ms(complete_to_ms);
        self.status.set_caught_up(caught_up);
        Step::Visible.begins();
        Ok(())
    }
}

impl Drop for ProjectorThread {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failure.send_replace(Some(ProjectorFailure::Panicked));
        }
    }
}
