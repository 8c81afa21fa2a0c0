//! The embedded log: the common suite, and what a crash may not break.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use event_log::{EmbeddedLog, EmbeddedOptions, EventLog as _, Topic};
use schemas::time::{Clock, Timestamp};

use crate::suite::{self, read_exactly, record, values};

pub(crate) fn open(folder: &Path) -> EmbeddedLog {
    let options = EmbeddedOptions { partitions: 4, clock: Clock::new(|| Timestamp::from_millis(1_000)) };
    EmbeddedLog::open(folder, options).expect("the log opens")
}

macro_rules! suite {
    ($($promise:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            let folder = tempfile::tempdir().expect("a temporary folder");
            suite::$promise(&open(folder.path())).await;
        })*
    };
}

suite! {
    records_come_back_as_they_went_in
    a_reader_starts_in_the_middle_and_sees_what_comes_later
    a_reader_names_the_ends_of_its_partitions_whatever_it_has_read
    concurrent_appends_keep_their_own_order
    a_record_of_eight_mebibytes_is_kept
    a_record_larger_than_a_message_is_refused_with_all_that_came_with_it
    a_position_beyond_the_end_is_refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_opened_again_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = open(folder.path());
    log.append(Topic::Calls, vec![record(0, "a"), record(0, "b")]).await.expect("appended");
    log.append(Topic::Reference, vec![record(0, "r")]).await.expect("appended");
    drop(log);

    let options = EmbeddedOptions { partitions: 9, clock: Clock::new(|| Timestamp::from_millis(0)) };
    let log = EmbeddedLog::open(folder.path(), options).expect("the log opens");
    assert_eq!(log.partitions(Topic::Calls), 4, "a log keeps its number of partitions");
    let positions = log.append(Topic::Calls, vec![record(0, "c")]).await.expect("appended");
    assert_eq!(positions[0].offset, 2);
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(0, 0)])).expect("readable");
    let read = read_exactly(&mut *reader, 3);
    assert_eq!(values(&read), ["a", "b", "c"]);
    let times: Vec<i64> = read.iter().map(|record| record.timestamp_ms).collect();
    assert_eq!(times, [1_000, 1_000, 1_000], "a clock that stepped back does not take the log with it");
}

/// What is in the folder itself is never a part of a new log, so that nothing has to be taken for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_being_made_is_made_and_one_without_its_beginning_is_damaged() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let (folder, draft) = (parent.path().join("log"), parent.path().join("log.new"));
    std::fs::create_dir(&draft).expect("writable");
    std::fs::write(draft.join("0.jnl"), "").expect("writable");
    let log = open(&folder);
    log.append(Topic::Calls, vec![record(0, "a")]).await.expect("appended");
    drop(log);
    assert!(!draft.exists());

    for lost in ["version", "0.jnl"] {
        let damaged = copy_of(&folder);
        std::fs::remove_file(damaged.path().join(lost)).expect("the database has it");
        let before = files(damaged.path());
        let options = EmbeddedOptions { partitions: 4, clock: Clock::new(|| Timestamp::from_millis(0)) };
        EmbeddedLog::open(damaged.path(), options).expect_err("its records are not there any more");
        assert_eq!(files(damaged.path()), before, "nothing is removed or made");
    }
}

/// Copies the folder as a crash leaves it: the log is open, only what is acknowledged is known to be there.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("a temporary folder");
    copy(folder, to.path());
    to
}

fn copy(folder: &Path, to: &Path) {
    for file in files(folder) {
        let to = to.join(file.strip_prefix(folder).expect("below the folder"));
        std::fs::create_dir_all(to.parent().expect("it has a parent")).expect("writable");
        std::fs::copy(&file, to).expect("readable");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_record_is_there_after_a_crash_at_any_byte_of_the_next_commit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = open(folder.path());
    for n in 0..20 {
        log.append(Topic::Calls, vec![record(0, &format!("acknowledged {n}"))]).await.expect("appended");
    }
    let before = copy_of(folder.path());
    log.append(Topic::Calls, vec![record(0, "the last one")]).await.expect("appended");
    let after = copy_of(folder.path());
    let commit = commit_between(before.path(), after.path());
    for cut in (commit.start..=commit.end).step_by(7) {
        let log = open(&commit.cut(after.path(), cut));
        let read = all_of(&log, 0).await;
        assert!((20..=21).contains(&read.len()), "cut at {cut}: the log has {} records", read.len());
        assert_eq!(read[19], "acknowledged 19");
    }
}

/// What a dictionary of zstd begins with.
const DICTIONARY: [u8; 4] = 0xec30_a437_u32.to_le_bytes();

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_record_is_there_after_a_crash_within_the_commit_that_brings_a_dictionary() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = open(folder.path());
    let words = (0..900_u32).map(|word| format!("{:08x}", word.wrapping_mul(0x9e37_79b1)));
    let prompt = words.collect::<Vec<_>>().join(" ");
    let text = |number: usize| format!("{number} {prompt}");
    let mut acknowledged: Vec<String> = (0..200).map(text).collect();
    let records = acknowledged.iter().map(|text| record(0, text)).collect();
    log.append(Topic::Calls, records).await.expect("appended");
    let (after, commit) = loop {
        assert!(acknowledged.len() < 10_000, "no dictionary is made");
        let before = copy_of(folder.path());
        let text = text(acknowledged.len());
        log.append(Topic::Calls, vec![record(0, &text)]).await.expect("appended");
        acknowledged.push(text);
        let after = copy_of(folder.path());
        let commit = commit_between(before.path(), after.path());
        let journal = std::fs::read(after.path().join(&commit.journal)).expect("readable");
        if journal[commit.start..commit.end].windows(4).any(|bytes| bytes == DICTIONARY) {
            break (after, commit);
        }
    };
    for part in 0..=40 {
        let cut = commit.start + (commit.end - commit.start) * part / 40;
        let log = open(&commit.cut(after.path(), cut));
        let read = all_of(&log, 0).await;
        assert!((acknowledged.len() - 1..=acknowledged.len()).contains(&read.len()), "cut at {cut}: {}", read.len());
        assert!(acknowledged.starts_with(&read), "cut at {cut}: the log has other records");
    }
}

/// What one commit wrote, and where.
struct Commit {
    journal: PathBuf,
    start: usize,
    end: usize,
    crashed: tempfile::TempDir,
}

fn commit_between(before: &Path, after: &Path) -> Commit {
    let changed = files(after).into_iter().filter_map(|file| {
        let journal = file.strip_prefix(after).expect("below the folder").to_owned();
        let old = std::fs::read(before.join(&journal)).unwrap_or_default();
        let new = std::fs::read(&file).expect("readable");
        let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let end = new.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        (old != new).then_some((journal, start, end))
    });
    let changed: Vec<_> = changed.collect();
    let [(journal, start, end)] = changed.as_slice() else { panic!("one commit changes one file, not {changed:?}") };
    let crashed = tempfile::tempdir().expect("a temporary folder");
    Commit { journal: journal.clone(), start: *start, end: *end, crashed }
}

impl Commit {
    /// The log as it is when what follows this byte of the journal did not come to the disk.
    fn cut(&self, after: &Path, byte: usize) -> PathBuf {
        let folder = self.crashed.path().join("log");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("nobody has it");
        }
        copy(after, &folder);
        let journal = OpenOptions::new().write(true).open(folder.join(&self.journal)).expect("writable");
        journal.set_len(byte as u64).expect("writable");
        folder
    }
}

/// The values of all records of a partition.
async fn all_of(log: &EmbeddedLog, partition: u32) -> Vec<String> {
    let end = log.bounds(Topic::Calls, partition).await.expect("reachable").end;
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(partition, 0)])).expect("readable");
    values(&read_exactly(&mut *reader, usize::try_from(end).expect("few records")))
}
