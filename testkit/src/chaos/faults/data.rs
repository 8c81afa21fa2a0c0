//! Data that are damaged, and disks without room.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::super::episode::Episode;
use super::super::installation::READY;
use super::super::role::Moment;
use super::super::schedule;

impl Episode {
    /// Damages the index of a role that was killed.
    pub(super) async fn damage(&mut self) -> Result<()> {
        let at = self.role_with_data()?;
        let delay = schedule::lasts(&mut self.random, 0, 300);
        self.kill_role(at, &Moment::After(delay)).await?;
        let role = self.installation.role_at(at)?;
        let index = role.data().context("the role has data")?.join("index");
        let done = damage(&index, &mut self.random)?;
        self.report.done.push(done);
        self.installation.role_at(at)?.start()
    }

    /// Takes all room of the disk for a while; in some of the times a role dies meanwhile.
    pub(super) async fn fill_disk(&mut self) -> Result<()> {
        let disk = self.installation.disk.as_ref().context("the data are on a small disk")?;
        disk.fill()?;
        tokio::time::sleep(schedule::lasts(&mut self.random, 300, 2000)).await;
        let dies = self.random.random_bool(0.3);
        let at = self.role_with_data()?;
        if dies {
            self.kill_at(at, &Moment::After(Duration::ZERO)).await?;
            tokio::time::sleep(schedule::lasts(&mut self.random, 300, 1000)).await;
        }
        self.installation.disk.as_ref().context("the data are on a small disk")?.clear()?;
        // One that could not start without room ends, and whoever watches over it starts it again.
        let role = self.installation.role_at(at)?;
        if dies && role.ready(READY).await.is_err() && !role.is_running() {
            role.start()?;
            self.report.came("did not start on a full disk");
        }
        Ok(())
    }
}

/// Damages a folder with an index in one way or another; says how.
fn damage(index: &Path, random: &mut StdRng) -> Result<String> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if random.random_bool(0.1) {
        fs::remove_dir_all(index)?;
        return Ok("the folder removed".to_owned());
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(index)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    // Locks hold nothing.
    files.retain(|path| path.extension().is_none_or(|extension| extension != "lock"));
    files.sort_unstable();
    let list = files.iter().find(|path| name(path) == "meta.json").filter(|_| random.random_bool(0.4));
    match list {
        Some(list) => damage_file(std::slice::from_ref(list), random),
        None => damage_file(&files, random),
    }
}

/// Removes, cuts or changes one of these files; says how.
pub(super) fn damage_file(files: &[PathBuf], random: &mut StdRng) -> Result<String> {
    let file = files.choose(random).context("there are files")?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut bytes = fs::read(file)?;
    let place = random.random_range(0..bytes.len().max(1));
    let how = match random.random_range(0..3) {
        0 => {
            fs::remove_file(file)?;
            return Ok(format!("{name} removed"));
        }
        1 => {
            bytes.truncate(place);
            format!("{name} cut to {place} bytes")
        }
        _ => {
            let bit = random.random_range(0..8);
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << bit;
            }
            format!("bit {bit} of byte {place} of {name} changed")
        }
    };
    fs::write(file, bytes)?;
    Ok(how)
}
