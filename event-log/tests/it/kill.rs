//! The embedded log under kill -9: another process appends to it and is killed at a random moment, many times.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use event_log::{EventLog as _, NewRecord, Position, Topic};

use crate::embedded::open;
use crate::suite::{read_exactly, record, values};

const KILLS: usize = 12;
const WRITERS: u32 = 6;
/// Names the folder, for the process that appends.
const FOLDER: &str = "LLM_LOG_TEST_KILLED_FOLDER";
/// Names what no other run has, so that its records differ from those of all others.
const RUN: &str = "LLM_LOG_TEST_KILLED_RUN";
const APPENDER: &str = "kill::appends_until_it_is_killed";

/// Sizes of records.
const SIZES: u32 = 19;

/// A text of no byte up to some hundred KiB.
fn text(number: u32) -> String {
    let words = (0..).map(|word: u32| format!("{:08x}", word.wrapping_mul(0x9e37_79b1) % 10_007));
    words.take((1 << (number % SIZES)) / 8).collect()
}

/// A record with such a text, and in its first word what tells it apart.
fn numbered(run: &str, writer: u32, number: u32) -> NewRecord {
    record(number % 4, &format!("{run}-{writer}-{number} {}", text(number)))
}

fn first_word(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Not a test of its own: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a process of the test that kills it"]
#[expect(clippy::disallowed_methods, reason = "a process of a test has no command line to take it from")]
async fn appends_until_it_is_killed() {
    let (Ok(folder), Ok(run)) = (std::env::var(FOLDER), std::env::var(RUN)) else { return };
    let log = Arc::new(open(&PathBuf::from(folder)));
    let writers = (0..WRITERS).map(|writer| {
        let (log, run) = (Arc::clone(&log), run.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let records = vec![numbered(&run, writer, number), numbered(&run, writer + WRITERS, number + 1)];
                let sent = values_of(&records);
                let positions = log.append(Topic::Calls, records).await.expect("appended");
                let line =
                    |(value, at): (&String, Position)| format!("acknowledged {value} {} {}\n", at.partition, at.offset);
                let lines: Vec<String> = sent.iter().zip(positions).map(line).collect();
                // One write, so that lines of two writers do not mix.
                std::io::stderr().write_all(lines.concat().as_bytes()).expect("the parent listens");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("it appends for ever");
    }
}

fn values_of(records: &[NewRecord]) -> Vec<String> {
    records.iter().flat_map(|record| &record.value).map(|value| first_word(&String::from_utf8_lossy(value))).collect()
}

fn start(folder: &Path, run: usize) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", APPENDER, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(RUN, run.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_record_is_there_after_a_dozen_kills_under_load() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut acknowledged: BTreeMap<(u32, u64), String> = BTreeMap::new();
    let texts: Vec<String> = (0..SIZES).map(text).collect();
    for run in 0..KILLS {
        let mut child = start(folder.path(), run);
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut seen = Vec::new();
        // A different moment each time: among the first records, and after some have been sorted to disk.
        let enough = 1 + run * run * 7;
        while seen.len() < enough {
            seen.push(lines.next().expect("it appends for ever").expect("text"));
        }
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        // What it said before it was killed was durable when it said so.
        seen.extend(lines.map_while(Result::ok));
        for line in &seen {
            let words: Vec<&str> = line.split(' ').collect();
            let ["acknowledged", value, partition, offset] = words[..] else { panic!("not a line of it: {line}") };
            let place = (partition.parse().expect("a number"), offset.parse().expect("a number"));
            let before = acknowledged.insert(place, value.to_owned());
            assert_eq!(before, None, "run {run}: {place:?} was given to two records");
        }

        let log = open(folder.path());
        let mut read = BTreeMap::new();
        for partition in 0..log.partitions(Topic::Calls) {
            let end = log.bounds(Topic::Calls, partition).await.expect("reachable").end;
            let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(partition, 0)])).expect("readable");
            for record in read_exactly(&mut *reader, usize::try_from(end).expect("few records")) {
                let whole = values(std::slice::from_ref(&record)).remove(0);
                let value = first_word(&whole);
                let number: usize = value.rsplit('-').next().and_then(|number| number.parse().ok()).expect("a number");
                let text = &texts[number % texts.len()];
                assert!(
                    whole.strip_prefix(&value).is_some_and(|rest| rest.trim_start() == text),
                    "{value} has another"
                );
                read.insert((record.position.partition, record.position.offset), value);
            }
        }
        for (place, value) in &acknowledged {
            assert_eq!(read.get(place), Some(value), "run {run}: an acknowledged record is gone from {place:?}");
        }
        assert_eq!(read.values().collect::<BTreeSet<_>>().len(), read.len(), "run {run}: a record is there twice");
    }
    assert!(acknowledged.len() > 1000);
}
