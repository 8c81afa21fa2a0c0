//! What a process uses, by `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// The unit in which Linux tells what a file takes.
const BLOCK_BYTES: u64 = 512;
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Below this share of a core a process rests.
const RESTING: f64 = 0.03;

/// A process of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

/// What something took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
}

impl Process {
    pub(crate) fn new(id: u32) -> Self {
        Self(id)
    }

    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    /// Time of all its threads, in user and in system mode, since it started.
    pub(crate) fn cpu_seconds(self) -> Result<f64> {
        let stat = self.read("stat")?;
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        let ticks = ticks.sum::<Result<f64, _>>().context("times are numbers")?;
        #[expect(clippy::cast_precision_loss, reason = "a hundred or a thousand")]
        Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Memory that no file is behind, in megabytes.
    pub(crate) fn anonymous_megabytes(self) -> Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("Linux tells RssAnon")?;
        let kib = line.trim().trim_end_matches(" kB").parse::<f64>().context("RssAnon is in kB")?;
        Ok(kib * 1024.0 / 1e6)
    }

    fn read(self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        fs::read_to_string(&path).with_context(|| format!("{path} can't be read"))
    }

    /// Waits until it has nothing to do, such as merges that go on after all is visible.
    pub(crate) async fn rest(self, deadline: Duration) -> Result<()> {
        let begun = Instant::now();
        let (mut before, mut calm) = (self.cpu_seconds()?, 0);
        while calm < 2 {
            if begun.elapsed() > deadline {
                bail!("the process still works after {deadline:?}");
            }
            tokio::time::sleep(LOOK).await;
            let now = self.cpu_seconds()?;
            calm = if now - before < RESTING * LOOK.as_secs_f64() { calm + 1 } else { 0 };
            before = now;
        }
        Ok(())
    }
}

impl Cost {
    pub(crate) fn per_second(&self, amount: f64) -> f64 {
        amount / self.seconds.max(f64::EPSILON)
    }

    pub(crate) fn per_cpu_second(&self, amount: f64) -> f64 {
        amount / self.cpu_seconds.max(f64::EPSILON)
    }

    /// What the same costs on average of the two.
    pub(crate) fn mean(self, other: Self) -> Self {
        let mean = f64::midpoint;
        Self { seconds: mean(self.seconds, other.seconds), cpu_seconds: mean(self.cpu_seconds, other.cpu_seconds) }
    }
}

/// Bytes as megabytes of a million bytes.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Bytes that all files below a folder take on disk. Files that were made larger than what is written take no more than
/// that.
pub(crate) fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.blocks() * BLOCK_BYTES };
    }
    Ok(bytes)
}

/// Copies a folder with all that is in it, to the disk: the kernel would write it there while something is measured.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_tells_its_time_and_memory() {
        let process = Process::own();
        let before = process.cpu_seconds().expect("Linux");
        let begun = Instant::now();
        while process.cpu_seconds().expect("Linux") <= before {
            assert!(begun.elapsed() < Duration::from_secs(30), "its time stands still");
        }
        assert!((0.1..10_000.0).contains(&process.anonymous_megabytes().expect("Linux")));
    }

    #[test]
    fn a_folder_takes_what_is_written_to_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = fs::File::create(folder.path().join("empty")).expect("writable");
        empty.set_len(1 << 30).expect("writable");
        fs::create_dir(folder.path().join("inner")).expect("writable");
        fs::write(folder.path().join("inner/file"), vec![7; 100_000]).expect("writable");
        let bytes = folder_bytes(folder.path()).expect("readable");
        assert!((100_000..200_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_copy_of_a_folder_has_its_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("inner")).expect("writable");
        fs::write(from.join("inner/file"), [7; 10]).expect("writable");
        fs::write(from.join("file"), [7; 5]).expect("writable");
        copy_folder(&from, &to).expect("writable");
        assert_eq!(fs::read(to.join("file")).expect("readable"), [7; 5]);
        assert_eq!(fs::read(to.join("inner/file")).expect("readable"), [7; 10]);
    }
}
