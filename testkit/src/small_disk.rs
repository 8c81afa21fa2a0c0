//! A disk that is soon full.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

const BALLAST: &str = "ballast";
/// Bytes written at a time while the disk is filled up.
const CHUNK_BYTES: usize = 16 * 1024;

/// A small disk in memory, unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// A disk of this many bytes; none when this user may not mount one.
    pub fn mount(bytes: usize) -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let size = format!("size={bytes}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        Ok(mount.is_ok_and(|mount| mount.status.success()).then_some(Self(folder)))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes this much of its room away.
    pub fn take(&self, bytes: usize) -> io::Result<()> {
        fs::write(self.path().join(BALLAST), vec![1; bytes])
    }

    /// Takes all the room that is left.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.path().join(BALLAST))?;
        let mut chunk = vec![1; CHUNK_BYTES];
        while !chunk.is_empty() {
            match ballast.write(&chunk) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => chunk.truncate(chunk.len() / 2),
                Err(error) => return Err(error).context("the disk can't be filled"),
            }
        }
        Ok(())
    }

    /// Gives back the room that was taken.
    pub fn clear(&self) -> io::Result<()> {
        fs::remove_file(self.path().join(BALLAST))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What can't be unmounted stays until the machine stops; the test has said what it has to say.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}
