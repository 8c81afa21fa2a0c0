//! The embedded log on a disk that fills up and is cleared again. Runs where a small disk can be mounted.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use event_log::{AppendError, EmbeddedLog, EventLog as _, NewRecord, Position, Topic};
use futures::future::join_all;
use testkit::SmallDisk;

use crate::embedded::open;
use crate::suite::{read_exactly, record};

const DISK_BYTES: usize = 24 * 1024 * 1024;
const BALLAST_BYTES: usize = 12 * 1024 * 1024;
const RECORD_BYTES: usize = 60_000;
const DEADLINE: Duration = Duration::from_secs(30);

/// None when this user may not mount one.
fn small_disk() -> Option<SmallDisk> {
    let disk = SmallDisk::mount(DISK_BYTES).expect("a temporary folder");
    if disk.is_none() {
        testkit::skip("a small disk can be mounted by root only");
    }
    disk
}

/// A record that does not compress.
fn random_record(number: u64) -> NewRecord {
    let mut state = number;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    });
    let bytes: Vec<u8> = words.flat_map(u64::to_be_bytes).take(RECORD_BYTES).collect();
    NewRecord {
        value: Some(Bytes::from(bytes)),
        ..record(u32::try_from(number % 4).expect("small"), &number.to_string())
    }
}

/// What was sent, and what became of it.
#[derive(Default)]
struct Sent {
    count: u64,
    acknowledged: BTreeMap<Position, NewRecord>,
    refused: Vec<Bytes>,
}

impl Sent {
    /// Appends some records at once; whether any was acknowledged.
    async fn append(&mut self, log: &EmbeddedLog) -> bool {
        let records: Vec<_> = (self.count..self.count + 8).map(random_record).collect();
        self.count += 8;
        let appends = records.iter().map(|record| log.append(Topic::Calls, vec![record.clone()]));
        let outcomes = join_all(appends).await;
        let before = self.acknowledged.len();
        for (record, outcome) in records.into_iter().zip(outcomes) {
            match outcome {
                Ok(positions) => {
                    let before = self.acknowledged.insert(positions[0], record);
                    assert!(before.is_none(), "a place was given to two records");
                }
                Err(AppendError::Refused { .. }) => self.refused.push(record.key),
                Err(AppendError::Unknown { .. }) => {}
            }
        }
        self.acknowledged.len() > before
    }

    /// Every acknowledged record is where it was said to be, no refused one is anywhere, and none is there twice.
    async fn check(&self, log: &EmbeddedLog) {
        let mut read = BTreeMap::new();
        for partition in 0..log.partitions(Topic::Calls) {
            let bounds = log.bounds(Topic::Calls, partition).await.expect("reachable");
            let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(partition, 0)])).expect("readable");
            let records = read_exactly(&mut *reader, usize::try_from(bounds.end).expect("few records"));
            read.extend(records.into_iter().map(|record| (record.position, record)));
        }
        for (position, sent) in &self.acknowledged {
            let found = read.get(position).is_some_and(|found| found.key == sent.key && found.value == sent.value);
            assert!(found, "the acknowledged record of {position:?} is not there");
        }
        let mut keys: Vec<&Bytes> = read.values().map(|record| &record.key).collect();
        keys.sort_unstable();
        assert!(keys.is_sorted_by(|a, b| a < b), "a record is there twice");
        for refused in &self.refused {
            assert!(keys.binary_search(&refused).is_err(), "a refused record is there: {refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_the_log_goes_on_when_there_is_room_again() {
    let Some(disk) = small_disk() else { return };
    let folder = disk.path().join("log");
    disk.take(BALLAST_BYTES).expect("room for it");
    let log = open(&folder);
    let mut sent = Sent::default();
    while sent.append(&log).await {
        assert!(sent.acknowledged.len() * RECORD_BYTES < DISK_BYTES, "the disk does not fill up");
    }
    assert!(sent.acknowledged.len() > 50);
    for _ in 0..5 {
        sent.append(&log).await;
    }
    sent.check(&log).await;

    disk.clear().expect("there is ballast");
    let start = std::time::Instant::now();
    while !sent.append(&log).await {
        assert!(start.elapsed() < DEADLINE, "there is room, but the log takes nothing");
    }
    for _ in 0..3 {
        assert!(sent.append(&log).await);
    }
    sent.check(&log).await;
    drop(log);
    sent.check(&open(&folder)).await;
}
