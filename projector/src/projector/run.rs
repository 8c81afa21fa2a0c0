//! The thread that writes the index: opens it, brings batches into it, commits, publishes, and begins again
//! after an error.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_log::EventLog;
use schemas::fold::FOLD_VERSION;
use schemas::id::{LogId, Partition};
use schemas::positions::Offset;
use schemas::time::Clock;
use tokio::sync::watch;

use super::failure::ProjectorFailure;
use super::freshness::{Freshness, SeenEnds};
use super::log_check::check_log;
use super::pace::{IDLE, Pace};
use super::reading::{Read, Reading};
use super::session_end::SessionEnd;
use super::stop::{Backoff, Stop};
use super::telling::{self, LINE_EVERY, PassedOverLines};
use crate::checkpoint::Checkpoint;
use crate::index::schema::CallFields;
use crate::snapshot::{SharedStatus, Snapshot, SnapshotCell};
use crate::step::Step;
use crate::writer::CallWriter;
use crate::writer::batch::FoldedBatch;
use crate::writer::folder::{UnusableIndex, open_or_create, set_aside};

/// Least time between two commits.
const TICK: Duration = Duration::from_millis(100);
/// Greatest time between two commits while records keep coming.
const TICK_MAX: Duration = Duration::from_secs(1);
/// Bytes of events after which a commit comes, whatever waits.
const COMMIT_BYTES: usize = 32 * 1024 * 1024;

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
    pub(crate) backoff: Backoff,
    pub(crate) passed_over: PassedOverLines,
}

impl ProjectorThread {
    /// Works until it is told to stop or can't go on.
    pub(crate) fn run(mut self) {
        while !self.stop.is_set() {
            match self.session() {
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

    /// Takes the index out of the way, so that the next session makes a new one.
    fn rebuild(&mut self, reason: &UnusableIndex) {
        self.cell.set_unavailable(self.partitions.iter().copied().collect());
        match set_aside(&self.folder) {
            Ok(aside) => {
                self.cell.checks().forget();
                tracing::warn!(
                    reason = reason as &dyn std::error::Error,
                    folder = %aside.display(),
                    "the index can't be used; it is set aside and built anew from the log"
                );
            }
            Err(error) => {
                if self.backoff.is_fresh() {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the index can't be used and its folder can't be set aside, trying again");
                }
                self.stop.wait(self.backoff.next());
            }
        }
        metrics::counter!("llm_log_index_rebuilds_total").increment(1);
    }

    /// Reads on from the last commit, with one writer, until it is told to stop.
    fn session(&mut self) -> Result<(), SessionEnd> {
        let wanted = Checkpoint::new(self.log_id, FOLD_VERSION, self.partitions.iter().copied());
        if let Some(damage) = self.cell.checks().damage() {
            return Err(SessionEnd::Unusable(damage.into()));
        }
        Step::Open.begins();
        let opened = open_or_create(&self.folder, &self.fields, &wanted)?;
        let (from, next) = (opened.checkpoint.clone(), opened.checkpoint.next());
        let is_new = opened.checkpoint == wanted;
        Step::CheckLog.begins();
        let as_of_ms = self.clock.now().date().0;
        let ends = check_log(&*self.log, &opened.checkpoint, &self.stop)?;
        self.status.set_log_heard();
        self.seen_at_start.get_or_insert_with(|| ends.clone());
        let waiting: u64 = ends.iter().map(|(partition, end)| end - next.get(partition).unwrap_or(&0)).sum();
        let mut pace = Pace::new(waiting);
        let mut writer = CallWriter::new(opened, Arc::clone(&self.fields), pace.threads())?;
        let mut freshness = Freshness::new(SeenEnds { as_of_ms, ends: ends.clone() });
        if is_new {
            writer.set_building_to(ends.into_iter().filter(|(_, end)| *end > 0).collect());
            // From here on the folder tells what it is, even to a process that comes after a crash.
            writer.commit()?;
        }
        if !writer.checkpoint().building_to.is_empty() {
            self.cell.set_unavailable(self.partitions.iter().copied().collect());
            tracing::info!(records = waiting, "the index is being built from the log");
        }
        self.publish(&writer, &mut freshness)?;
        let reading = Reading::start(Arc::clone(&self.log), from, self.partitions_total, self.clock.clone())
            .map_err(|error| SessionEnd::Again { error: error.into(), may_be_damage: false })?;
        let mut last_commit: Option<Instant> = None;
        let mut progress_said = Instant::now();
        let mut merges_looked_for = Instant::now();
        loop {
            if let Some(damage) = self.cell.checks().damage() {
                return Err(SessionEnd::Unusable(damage.into()));
            }
            let stopping = self.stop.is_set();
            let since = last_commit.map_or(TICK_MAX, |at| at.elapsed());
            let wait = if writer.has_moved() { TICK.saturating_sub(since) } else { TICK };
            let read = if stopping { None } else { reading.next(wait) };
            let since = last_commit.map_or(TICK_MAX, |at| at.elapsed());
            let mut full = false;
            let mut failure = None;
            let mut merges = false;
            match read {
                Some(Read::Batch(batch)) => {
                    self.status.set_log_heard();
                    self.apply(&mut writer, batch)?;
                    full = writer.uncommitted_bytes() >= COMMIT_BYTES || (last_commit.is_some() && since >= TICK_MAX);
                    if !full {
                        continue;
                    }
                }
                Some(Read::Ends(seen)) => {
                    self.status.set_log_heard();
                    freshness.see(seen);
                    if !writer.has_moved() && writer.checkpoint().building_to.is_empty() {
                        self.status.set_complete_to_ms(freshness.of(writer.checkpoint()));
                    }
                    continue;
                }
                Some(Read::Failed(failed)) => failure = Some(failed),
                None if stopping => {}
                None if writer.has_moved() && since >= TICK => {}
                None => {
                    if writer.has_moved() || since < IDLE {
                        continue;
                    }
                    if pace.idle() {
                        writer = writer.with_threads(pace.threads())?;
                        continue;
                    }
                    if merges_looked_for.elapsed() >= IDLE {
                        merges_looked_for = Instant::now();
                        merges = writer.wants_merges()?;
                    }
                    if !merges {
                        continue;
                    }
                }
            }
            if merges || writer.has_moved() {
                self.commit(&mut writer, &mut freshness)?;
            }
            match failure {
                Some(failure) => return Err(SessionEnd::Failed(failure)),
                None if stopping => return Ok(()),
                None => {}
            }
            last_commit = Some(Instant::now());
            if pace.committed(full) {
                writer = writer.with_threads(pace.threads())?;
            }
            if !writer.checkpoint().building_to.is_empty() && progress_said.elapsed() >= LINE_EVERY {
                progress_said = Instant::now();
                telling::progress(writer.checkpoint());
            }
        }
    }

    pub(crate) fn apply(&mut self, writer: &mut CallWriter, batch: FoldedBatch) -> Result<(), SessionEnd> {
        metrics::counter!("llm_log_events_applied_total").increment(batch.events);
        if let Some(first) = &batch.passed_over {
            self.passed_over.say(first, batch.passed_over_count());
        }
        Step::Apply.begins();
        writer.apply(batch)?.into_iter().for_each(telling::prompt_replaced);
        Ok(())
    }

    pub(crate) fn commit(&mut self, writer: &mut CallWriter, freshness: &mut Freshness) -> Result<(), SessionEnd> {
        let checkpoint = writer.checkpoint();
        if !checkpoint.building_to.is_empty() && checkpoint.has_passed(&checkpoint.building_to) {
            writer.set_building_to(BTreeMap::new());
            tracing::info!("the index is built");
        }
        writer.commit()?;
        if !self.backoff.is_fresh() {
            tracing::info!("the index can be written again");
            self.backoff.reset();
        }
        self.publish(writer, freshness)
    }

    /// Lets readers see the last commit, unless it is still behind what they see already.
    pub(crate) fn publish(&self, writer: &CallWriter, freshness: &mut Freshness) -> Result<(), SessionEnd> {
        let checkpoint = writer.checkpoint().clone();
        self.status.set_building(telling::building(&checkpoint));
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
            self.cell.checks().want();
        }
        self.cell.publish(snapshot);
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
