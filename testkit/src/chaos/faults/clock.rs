//! Clocks that jump.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use tempfile::TempDir;

use super::super::episode::Episode;
use super::super::role::Moment;
use super::super::schedule;

/// Where Debian puts the library that shows processes another time.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const LIBRARIES: [&str; 3] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
/// What that library lacks.
const WAITS: &str = include_str!("clock.c");
/// How far clocks jump, as the library reads it.
const JUMPS: [&str; 7] = ["+0", "+90s", "-90s", "+1h", "-1h", "+60d", "-60d"];

/// The clock that processes are shown.
#[derive(Debug)]
pub(crate) struct FakeClock {
    library: PathBuf,
    /// Holds the file by which it is set, and the library for waits.
    folder: TempDir,
}

impl FakeClock {
    /// None where the library is not installed.
    pub(crate) fn find() -> Result<Option<Self>> {
        let library = LIBRARIES.iter().map(|folder| Path::new(folder).join(LIBRARY)).find(|path| path.exists());
        let Some(library) = library else { return Ok(None) };
        let clock = Self { library, folder: tempfile::tempdir()? };
        clock.build_waits()?;
        Ok(Some(clock))
    }

    fn build_waits(&self) -> Result<()> {
        let source = self.folder.path().join("clock.c");
        fs::write(&source, WAITS)?;
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(self.waits()).arg(source).output();
        let built = built.context("cc, the C compiler, can't be run")?;
        ensure!(built.status.success(), "cc: {}", String::from_utf8_lossy(&built.stderr));
        Ok(())
    }

    fn waits(&self) -> PathBuf {
        self.folder.path().join("waits.so")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// The program and arguments that run another with this clock.
    pub(crate) fn run_by(&self) -> Result<(PathBuf, Vec<String>)> {
        self.set("+0")?;
        let args = vec![
            format!("LD_PRELOAD={}:{}", self.waits().display(), self.library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file().display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            // Only the time of day jumps: the kernel sees to it that the other clock does not.
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ];
        Ok((PathBuf::from("/usr/bin/env"), args))
    }

    fn set(&self, jump: &str) -> Result<()> {
        let draft = self.folder.path().join("draft");
        fs::write(&draft, jump)?;
        Ok(fs::rename(draft, self.file())?)
    }
}

impl Episode {
    /// Sets the clock of all roles off by something else; in some of the times one of them is started anew by it.
    pub(super) async fn jump(&mut self) -> Result<()> {
        let jump = *JUMPS.choose(&mut self.random).context("there are jumps")?;
        self.installation.clock.as_ref().context("the roles have a clock of their own")?.set(jump)?;
        self.report.done.push(format!("clocks set off by {jump}"));
        tokio::time::sleep(schedule::lasts(&mut self.random, 200, 1000)).await;
        if self.random.random_bool(0.5) {
            let at = self.any_role();
            self.kill_at(at, &Moment::After(Duration::ZERO)).await?;
        }
        Ok(())
    }
}
