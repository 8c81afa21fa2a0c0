//! The embedded log on a disk whose power fails. Runs where such a disk can be mounted.

use std::collections::BTreeMap;

use event_log::{EventLog as _, Topic};
use testkit::FailingPower;

use crate::embedded::open;
use crate::suite::{read_exactly, record, values};

const DISK_BYTES: u64 = 160 * 1024 * 1024;

/// None when this user may not mount one.
fn disk() -> Option<FailingPower> {
    let disk = FailingPower::mount(DISK_BYTES).expect("a temporary folder");
    if disk.is_none() {
        testkit::skip("a disk can be mounted by root only, and needs mke2fs");
    }
    disk
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_record_is_there_after_a_power_cut() {
    let Some(disk) = disk() else { return };
    let log = open(&disk.path().join("log"));
    let mut acknowledged = Vec::new();
    for cut in 0..4 {
        for n in 0..5 {
            let value = format!("{n} before the cut {cut}");
            log.append(Topic::Calls, vec![record(1, &value)]).await.expect("appended");
            acknowledged.push(value);
        }
        let found = disk.after_a_power_cut().expect("it can be copied");
        let log = open(&found.path().join("log"));
        let bounds = log.bounds(Topic::Calls, 1).await.expect("reachable");
        assert_eq!(bounds.end, acknowledged.len() as u64, "after the cut {cut}");
        let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(1, 0)])).expect("readable");
        assert_eq!(values(&read_exactly(&mut *reader, acknowledged.len())), acknowledged);
    }
}
