//! An embedded log whose files are damaged. What was destroyed can't come back: it has to be told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rand::RngExt as _;

use super::super::episode::Episode;
use super::super::installation::READY;
use super::super::role::Moment;
use super::super::schedule;
use super::data::damage_file;
use crate::oracle::{Difference, DifferenceKind};

const LOOK: Duration = Duration::from_millis(20);

/// How a process takes a damaged log.
enum Taken {
    RefusesToStart,
    Stops,
    Serves,
}

impl Episode {
    /// Damages the log of a role that was killed. The installation is of no use after that.
    pub(super) async fn damage_log(&mut self) -> Result<()> {
        tokio::time::sleep(schedule::lasts(&mut self.random, 500, 2000)).await;
        let world = Arc::clone(&self.world);
        // Nothing is sent any more, and the index has all of it: by that the loss of any of it shows. The end of a log
        // that nobody has read yet can't be told from a commit that was under way when the process died.
        let quiet = world.gate.write().await;
        self.settle().await?;
        let at = self.role_with_data()?;
        self.kill_role(at, &Moment::After(Duration::ZERO)).await?;
        let folder = self.installation.role_at(at)?.data().context("the role has data")?.join("log");
        let mut files = Vec::new();
        list(&folder, &mut files)?;
        // The journal is most of it: it has what is not sorted yet.
        let journal = files.iter().position(|file| file.extension().is_some_and(|extension| extension == "jnl"));
        if let Some(journal) = journal.filter(|_| self.random.random_bool(0.5)) {
            files = vec![files.swap_remove(journal)];
        }
        let done = damage_file(&files, &mut self.random)?;
        self.installation.role_at(at)?.start()?;
        let outcome = match self.taken(at).await? {
            Taken::RefusesToStart => "refuses to start",
            Taken::Stops => "the projector stops",
            Taken::Serves => {
                drop(quiet);
                self.judge_answers().await?
            }
        };
        self.report.done.push(format!("{done}: {outcome}"));
        self.report.came(outcome);
        Ok(())
    }

    async fn taken(&mut self, at: usize) -> Result<Taken> {
        let start = Instant::now();
        loop {
            let role = self.installation.role_at(at)?;
            if !role.is_running() {
                return Ok(Taken::RefusesToStart);
            }
            if let Ok(answer) = role.client().get("/readyz").await {
                if answer.status == 200 {
                    return Ok(Taken::Serves);
                }
                if answer.text().contains("the projector has stopped") {
                    return Ok(Taken::Stops);
                }
            }
            if start.elapsed() > READY {
                bail!("on a damaged log it neither serves nor says that it can't");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A damage that changes no answer has to be found at least by whoever compares index and log, if it is one.
    async fn judge_answers(&mut self) -> Result<&'static str> {
        self.compare_answers().await?;
        if !self.report.differences.is_empty() {
            return Ok("answers as if nothing had been");
        }
        let told = self.installation.verify().await?;
        let differs = told.iter().find(|told| told.contains("differences") && !told.contains("differences 0"));
        if let Some(differs) = differs {
            self.report.differences.push(Difference { kind: DifferenceKind::Wrong, text: differs.clone() });
        }
        Ok(if told.is_empty() { "no harm done" } else { "verify tells" })
    }
}

/// All files of a folder and the folders in it.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.metadata()?.len() > 0 {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(())
}
