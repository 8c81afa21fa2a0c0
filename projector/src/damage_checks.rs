//! Looks for damage of the index while it serves: compares all files with their checksums once a day at leisure, and at
//! once when a read or the writer met something that a sound index does not have; and then, should every file be as it
//! was written, the calls with the log: a merge gives what was damaged before it a good checksum.
//!
//! It is never the read that has the index built anew: a query with a fault of ours in its way could keep it from
//! serving for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_log::EventLog;
use tantivy::{Index, TantivyError};

use crate::checksums::{self, DamagedFile};
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::verify::{Difference, VerifyError, verify_until};
use crate::writer::folder::{is_damage, may_be_damage};

/// Time between two checks at leisure.
const EVERY: Duration = Duration::from_hours(24);
/// Bytes per second of a check at leisure: a few hundredths of a core, and little of a disk.
const BYTES_PER_SECOND: u64 = 32 * 1024 * 1024;
/// Least time between two comparisons with the log.
const COMPARED_AGAIN: Duration = Duration::from_mins(10);

/// How an index is damaged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Damage {
    #[error(transparent)]
    File(#[from] DamagedFile),
    #[error("it is not what the log says: {0}")]
    Differs(Difference),
    #[error("it can't be read: {0}")]
    Unreadable(String),
}

/// What is to be checked, and what was found.
#[derive(Debug, Default)]
pub(crate) struct DamageChecks {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<Haste>,
    damage: Option<Damage>,
    /// Counts the indexes: what was found in one says nothing of the next.
    index: u64,
    /// When index and log were last compared.
    compared: Option<Instant>,
    checks: u64,
    stopping: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Haste {
    AtLeisure,
    AtOnce,
}

impl DamageChecks {
    /// Somebody met something that a sound index does not have.
    pub(crate) fn suspect(&self) {
        self.lock().want(Haste::AtOnce);
        self.changed.notify_all();
    }

    /// Wants every file checked, in time.
    pub(crate) fn want(&self) {
        self.lock().want(Haste::AtLeisure);
        self.changed.notify_all();
    }

    /// Forgets what was found: the index is out of the way.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        state.index += 1;
        state.damage = None;
    }

    /// What is wrong with the index.
    pub(crate) fn damage(&self) -> Option<Damage> {
        self.lock().damage.clone()
    }

    /// How many checks came to their end and found nothing.
    pub(crate) fn checks(&self) -> u64 {
        self.lock().checks
    }

    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while this holds, at most for this time.
    fn wait_while(&self, time: Duration, condition: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.lock(), time, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Checks what is wanted until it is told to stop.
    pub(crate) fn run(&self, cell: &SnapshotCell, log: &dyn EventLog) {
        loop {
            let (haste, index) = {
                let mut state = self.wait_while(EVERY, |state| state.wanted.is_none() && !state.stopping);
                if state.stopping {
                    return;
                }
                (state.wanted.take().unwrap_or(Haste::AtLeisure), state.index)
            };
            let Some(snapshot) = cell.current() else { continue };
            let mut found = match self.check(snapshot.searcher().index(), haste) {
                Ok(Checked::Sound) => Ok(None),
                Ok(Checked::Damaged(file)) => Ok(Some(Damage::File(file))),
                Ok(Checked::GivenUp) => continue,
                // The list of files or that of segments.
                Err(error) if is_damage(&error) => Ok(Some(Damage::Unreadable(error.to_string()))),
                Err(error) => Err(CheckError(error.to_string())),
            };
            if matches!(found, Ok(None)) && haste == Haste::AtOnce && self.may_compare() {
                found = self.compare(&snapshot, log);
            }
            let mut state = self.lock();
            if state.index != index {
                continue;
            }
            match found {
                Ok(Some(damage)) => {
                    metrics::counter!("llm_log_index_damage_total").increment(1);
                    state.damage = Some(damage);
                }
                Ok(None) => state.checks += 1,
                Err(CheckError(reason)) => tracing::warn!(reason, "the index can't be checked for damage now"),
            }
        }
    }

    fn may_compare(&self) -> bool {
        let mut state = self.lock();
        let is_due = state.compared.is_none_or(|compared| compared.elapsed() >= COMPARED_AGAIN);
        if is_due {
            state.compared = Some(Instant::now());
        }
        is_due && !state.stopping
    }

    /// Every call that readers see, compared with the log.
    fn compare(&self, snapshot: &Snapshot, log: &dyn EventLog) -> Result<Option<Damage>, CheckError> {
        let is_stopped = || self.lock().stopping;
        // Code that decodes what is damaged may panic.
        let compared = catch_unwind(AssertUnwindSafe(|| verify_until(snapshot, log, &is_stopped)));
        let Ok(compared) = compared else { return Ok(Some(Damage::Unreadable("the comparison panicked".to_owned()))) };
        match compared {
            Ok(report) => Ok(report.differences.into_iter().next().map(Damage::Differs)),
            Err(error @ VerifyError::State) => Ok(Some(Damage::Unreadable(error.to_string()))),
            Err(VerifyError::Index(error)) if may_be_damage(&error) => Ok(Some(Damage::Unreadable(error.to_string()))),
            Err(error) => Err(CheckError(error.to_string())),
        }
    }

    /// Looks for the first damaged file. A check at leisure is given up when one at once is wanted.
    fn check(&self, index: &Index, haste: Haste) -> Result<Checked, TantivyError> {
        let mut files: Vec<PathBuf> = checksums::files(index)?;
        // The largest first: those of the newest segments were checked when the index was opened.
        files.reverse();
        for file in files {
            let begun = Instant::now();
            let (bytes, damage) = checksums::check(index, &file)?;
            if let Some(damage) = damage {
                return Ok(Checked::Damaged(damage));
            }
            let time = match haste {
                Haste::AtLeisure => Duration::from_millis(bytes.saturating_mul(1000) / BYTES_PER_SECOND),
                Haste::AtOnce => Duration::ZERO,
            };
            let goes_on = |state: &State| !state.stopping && state.wanted <= Some(haste);
            if !goes_on(&self.wait_while(time.saturating_sub(begun.elapsed()), |state| goes_on(state))) {
                return Ok(Checked::GivenUp);
            }
        }
        Ok(Checked::Sound)
    }
}

/// What came of looking at the files.
enum Checked {
    Sound,
    Damaged(DamagedFile),
    /// Something more urgent came.
    GivenUp,
}

/// Why nothing can be said of the index.
struct CheckError(String);

impl State {
    fn want(&mut self, haste: Haste) {
        self.wanted = self.wanted.max(Some(haste));
    }
}
