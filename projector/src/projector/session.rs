//! The time of one writer: reads on from the last commit, applies and commits, until something ends it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use schemas::fold::FOLD_VERSION;

use super::failure::ProjectorFailure;
use super::freshness::{Freshness, SeenEnds};
use super::log_check::check_log;
use super::log_lines::{self, LINE_EVERY};
use super::pace::{IDLE, Lag, Pace, due};
use super::reading::{Read, Reading};
use super::run::ProjectorThread;
use super::session_end::SessionEnd;
use crate::checkpoint::Checkpoint;
use crate::step::Step;
use crate::writer::CallWriter;
use crate::writer::folder::{Check, open_or_create};

/// Least time between two commits.
const TICK: Duration = Duration::from_millis(100);

/// The longest time without looking for segments to merge, while there are some.
const MERGES_AT_LEAST_EVERY: Duration = Duration::from_secs(30);

struct Session {
    reading: Reading,
    writer: CallWriter,
    freshness: Freshness,
    pace: Pace,
    last_commit: Option<Instant>,
    progress_said: Instant,
    merges: Merges,
}

/// When it is looked for segments to merge while nothing else happens: less and less often as long as their number
/// stays, since a merge may take minutes, or fail again and again.
struct Merges {
    looked: Instant,
    every: Duration,
    /// How many segments there were when merges were begun or shown.
    segments: Option<usize>,
}

/// What is to be done next.
enum Turn {
    Wait,
    Commit(Lag),
    ChangeThreads,
    /// Commits what is not, and ends: because of this failure, or because it is told to stop.
    End(Option<ProjectorFailure>),
}

impl ProjectorThread {
    /// Reads on from the last commit, with one writer, until it is told to stop.
    pub(super) fn session(&mut self) -> Result<(), SessionEnd> {
        let mut session = self.open_session()?;
        loop {
            self.check_damage()?;
            match session.turn(self)? {
                Turn::Wait => {}
                Turn::Commit(lag) => {
                    self.commit(&mut session.writer, &mut session.freshness)?;
                    session = session.committed(lag)?;
                }
                Turn::ChangeThreads => session = session.with_threads()?,
                Turn::End(failure) => {
                    if session.writer.has_moved() {
                        self.commit(&mut session.writer, &mut session.freshness)?;
                    }
                    return failure.map_or(Ok(()), |failure| Err(SessionEnd::Failed(failure)));
                }
            }
        }
    }

    fn check_damage(&self) -> Result<(), SessionEnd> {
        self.cell.checks().damage().map_or(Ok(()), |damage| Err(SessionEnd::Unusable(damage.into())))
    }

    /// Opens the index, or makes it, and shows what it has.
    fn open_session(&mut self) -> Result<Session, SessionEnd> {
        let wanted = Checkpoint::new(self.log_id, FOLD_VERSION, self.partitions.iter().copied());
        self.check_damage()?;
        Step::Open.begins();
        let opened =
            open_or_create(&self.folder, &self.fields, &wanted, std::mem::replace(&mut self.check, Check::Newest))?;
        let (from, next) = (opened.checkpoint.clone(), opened.checkpoint.next());
        let is_new = opened.checkpoint == wanted;
        Step::CheckLog.begins();
        let as_of_ms = self.clock.now().date().0;
        let ends = check_log(&*self.log, &opened.checkpoint, &self.stop)?;
        self.status.set_log_heard();
        self.seen_at_start.get_or_insert_with(|| ends.clone());
        let waiting: u64 = ends.iter().map(|(partition, end)| end - next.get(partition).unwrap_or(&0)).sum();
        let pace = Pace::new(waiting);
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
        let merges = Merges { looked: Instant::now(), every: IDLE, segments: None };
        Ok(Session { reading, writer, freshness, pace, last_commit: None, progress_said: Instant::now(), merges })
    }
}

impl Session {
    fn since_commit(&self) -> Duration {
        self.last_commit.map_or(IDLE, |at| at.elapsed())
    }

    /// Waits for what the log has and applies it.
    fn turn(&mut self, thread: &mut ProjectorThread) -> Result<Turn, SessionEnd> {
        if thread.stop.is_set() {
            return Ok(Turn::End(None));
        }
        let wait = if self.writer.has_moved() { TICK.saturating_sub(self.since_commit()) } else { TICK };
        let read = self.reading.next(wait);
        let since = self.since_commit();
        match read {
            Some(Read::Batch(batch)) => {
                thread.status.set_log_heard();
                let read_bytes = batch.bytes;
                thread.apply(&mut self.writer, batch)?;
                let lag = due(self.last_commit.map(|_| since), self.writer.uncommitted_bytes(), read_bytes);
                Ok(lag.filter(|_| self.writer.has_moved()).map_or(Turn::Wait, Turn::Commit))
            }
            Some(Read::Ends(seen)) => {
                thread.status.set_log_heard();
                self.freshness.see(seen);
                if !self.writer.has_moved() && self.writer.checkpoint().building_to.is_empty() {
                    thread.status.set_complete_to_ms(self.freshness.of(self.writer.checkpoint()));
                }
                Ok(Turn::Wait)
            }
            Some(Read::Failed(failure)) => Ok(Turn::End(Some(failure))),
            None if self.writer.has_moved() && since >= TICK => Ok(Turn::Commit(Lag::Small)),
            None if self.writer.has_moved() || since < IDLE => Ok(Turn::Wait),
            None => self.idle_turn(),
        }
    }

    /// While nothing comes, segments are merged and seen merged, and then one thread writes.
    fn idle_turn(&mut self) -> Result<Turn, SessionEnd> {
        if self.pace.idle(self.writer.is_merging()) {
            return Ok(Turn::ChangeThreads);
        }
        if self.merges.looked.elapsed() < self.merges.every {
            return Ok(Turn::Wait);
        }
        let segments = self.writer.wants_merges()?.then(|| self.writer.committed().segment_readers().len());
        self.merges.looked(segments);
        Ok(if segments.is_some() { Turn::Commit(Lag::Small) } else { Turn::Wait })
    }

    /// After a commit, with what the log had left then.
    fn committed(mut self, lag: Lag) -> Result<Self, SessionEnd> {
        self.last_commit = Some(Instant::now());
        if !self.writer.checkpoint().building_to.is_empty() && self.progress_said.elapsed() >= LINE_EVERY {
            self.progress_said = Instant::now();
            log_lines::progress(self.writer.checkpoint());
        }
        if self.pace.committed(lag) { self.with_threads() } else { Ok(self) }
    }

    /// With a writer of as many threads as its pace asks for.
    fn with_threads(mut self) -> Result<Self, SessionEnd> {
        self.writer = self.writer.with_threads(self.pace.threads())?;
        Ok(self)
    }
}

impl Merges {
    /// With so many segments there are merges to begin or to show; with none there are not.
    fn looked(&mut self, segments: Option<usize>) {
        let stays = segments.is_some() && segments == self.segments;
        let every = if stays { (self.every * 2).min(MERGES_AT_LEAST_EVERY) } else { IDLE };
        *self = Self { looked: Instant::now(), every, segments };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_that_change_nothing_are_looked_for_less_and_less_often() {
        let mut merges = Merges { looked: Instant::now(), every: IDLE, segments: None };
        let mut every = |segments| {
            merges.looked(segments);
            merges.every.as_secs()
        };
        assert_eq!([25, 25, 25, 25].map(|segments| every(Some(segments))), [1, 2, 4, 8]);
        assert_eq!([every(Some(12)), every(Some(12)), every(None), every(Some(12))], [1, 2, 1, 1]);
        assert_eq!((0..10).map(|_| every(Some(12))).last(), Some(30));
    }
}
