//! A disk whose power can fail.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// A file system of its own in a file, unmounted when dropped. What its kernel has in memory only is not in the file.
#[derive(Debug)]
pub struct FailingPower(TempDir);

impl FailingPower {
    /// A new one of this many bytes; none when this user may not mount one.
    pub fn mount(bytes: u64) -> Result<Option<Self>> {
        let disk = Self(tempfile::tempdir()?);
        File::create(disk.image())?.set_len(bytes)?;
        let made = Command::new("mke2fs").args(["-q", "-F", "-t", "ext4"]).arg(disk.image()).status();
        if !made.is_ok_and(|made| made.success()) {
            return Ok(None);
        }
        fs::create_dir(disk.path())?;
        Ok(disk.mounted()?.then_some(disk))
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("disk")
    }

    fn image(&self) -> PathBuf {
        self.0.path().join("image")
    }

    fn mounted(&self) -> Result<bool> {
        let mount = Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()).output();
        Ok(mount.context("there is no mount")?.status.success())
    }

    /// The disk as it is found when its power fails now.
    pub fn after_a_power_cut(&self) -> Result<Self> {
        let found = Self(tempfile::tempdir()?);
        copy(&self.image(), &found.image())?;
        fs::create_dir(found.path())?;
        ensure!(found.mounted()?, "the disk that was left can't be mounted");
        Ok(found)
    }
}

/// Without its holes, which are most of it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("--sparse=always").args([from, to]).status()?;
    ensure!(copied.success(), "the disk can't be copied");
    Ok(())
}

impl Drop for FailingPower {
    fn drop(&mut self) {
        // What can't be unmounted stays until the machine stops; the test has said what it has to say.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}
