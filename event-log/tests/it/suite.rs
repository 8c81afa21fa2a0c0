//! Promises that every adapter keeps. Each takes a log whose topics are new.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_log::{AppendError, EventLog, LogReader, LogRecord, NewRecord, Position, ReadLogError, Topic};

const WAIT: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn record(partition: u32, value: &str) -> NewRecord {
    NewRecord {
        partition,
        key: Bytes::from(format!("key of {value}")),
        value: Some(Bytes::from(value.to_owned())),
        headers: vec![("content-type".into(), Bytes::from_static(b"text/plain"))],
    }
}

/// Reads until `count` records have come.
pub(crate) fn read_exactly(reader: &mut dyn LogReader, count: usize) -> Vec<LogRecord> {
    let deadline = Instant::now() + DEADLINE;
    let mut records = Vec::new();
    while records.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} records came", records.len());
        records.extend(reader.read(1 << 20, WAIT).expect("readable").records);
    }
    assert_eq!(records.len(), count);
    records
}

pub(crate) fn values(records: &[LogRecord]) -> Vec<String> {
    let text = |record: &LogRecord| record.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned());
    records.iter().filter_map(text).collect()
}

pub(crate) async fn records_come_back_as_they_went_in(log: &dyn EventLog) {
    let mut tombstone = record(1, "");
    tombstone.value = None;
    let sent = vec![record(1, "a"), record(0, "b"), tombstone, record(1, "ü")];
    let positions = log.append(Topic::Calls, sent.clone()).await.expect("appended");
    let at = |partition, offset| Position { partition, offset };
    assert_eq!(positions, [at(1, 0), at(0, 0), at(1, 1), at(1, 2)]);

    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(0, 0), (1, 0)])).expect("readable");
    let read: BTreeMap<Position, LogRecord> =
        read_exactly(&mut *reader, 4).into_iter().map(|record| (record.position, record)).collect();
    for (sent, position) in sent.iter().zip(&positions) {
        let read = &read[position];
        assert_eq!((&read.key, &read.value, &read.headers), (&sent.key, &sent.value, &sent.headers));
    }
    let bounds = log.bounds(Topic::Calls, 1).await.expect("reachable");
    assert_eq!((bounds.start, bounds.end), (0, 3));
}

pub(crate) async fn a_reader_starts_in_the_middle_and_sees_what_comes_later(log: &dyn EventLog) {
    let first: Vec<_> = (0..10).map(|n| record(2, &format!("{n}"))).collect();
    log.append(Topic::Calls, first).await.expect("appended");
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(2, 7)])).expect("readable");
    assert_eq!(values(&read_exactly(&mut *reader, 3)), ["7", "8", "9"]);
    log.append(Topic::Calls, vec![record(2, "10"), record(0, "elsewhere")]).await.expect("appended");
    assert_eq!(values(&read_exactly(&mut *reader, 1)), ["10"]);
}

pub(crate) async fn a_reader_names_the_ends_of_its_partitions_whatever_it_has_read(log: &dyn EventLog) {
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(0, 0), (2, 0)])).expect("readable");
    assert_eq!(reader.ends().expect("reachable"), BTreeMap::from([(0, 0), (2, 0)]));
    let records = vec![record(0, "a"), record(2, "b"), record(1, "c"), record(0, "d")];
    log.append(Topic::Calls, records).await.expect("appended");
    let ends = BTreeMap::from([(0, 2), (2, 1)]);
    assert_eq!(reader.ends().expect("reachable"), ends);
    read_exactly(&mut *reader, 3);
    assert_eq!(reader.ends().expect("reachable"), ends);
}

pub(crate) async fn concurrent_appends_keep_their_own_order(log: &dyn EventLog) {
    let appends = (0..40).map(|writer| {
        let records = (0..5).map(|n| record(3, &format!("{writer}-{n}"))).collect();
        log.append(Topic::Calls, records)
    });
    let mut positions = Vec::new();
    for appended in futures::future::join_all(appends).await {
        positions.extend(appended.expect("appended"));
    }
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(3, 0)])).expect("readable");
    let read = read_exactly(&mut *reader, 200);
    for (n, position) in positions.iter().enumerate() {
        let record = read.iter().find(|record| record.position == *position).expect("every position was read");
        assert_eq!(values(std::slice::from_ref(record)), [format!("{}-{}", n / 5, n % 5)]);
    }
}

pub(crate) async fn a_record_of_eight_mebibytes_is_kept(log: &dyn EventLog) {
    let large = Bytes::from(vec![b'x'; schemas::limits::EVENT_BYTES]);
    let record = NewRecord { value: Some(large.clone()), ..record(0, "large") };
    log.append(Topic::Calls, vec![record]).await.expect("appended");
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(0, 0)])).expect("readable");
    let read = read_exactly(&mut *reader, 1);
    assert!(read[0].value.as_ref() == Some(&large), "the record came back changed");
}

pub(crate) async fn a_record_larger_than_a_message_is_refused_with_all_that_came_with_it(log: &dyn EventLog) {
    let large = Bytes::from(vec![b'x'; schemas::limits::MESSAGE_BYTES]);
    let large = NewRecord { value: Some(large), ..record(0, "large") };
    let outcome = log.append(Topic::Calls, vec![record(0, "small"), large]).await;
    assert!(matches!(outcome, Err(AppendError::Refused { .. })), "{outcome:?}");
    assert_eq!(log.bounds(Topic::Calls, 0).await.expect("reachable").end, 0);
}

pub(crate) async fn a_position_beyond_the_end_is_refused(log: &dyn EventLog) {
    log.append(Topic::Calls, vec![record(1, "only")]).await.expect("appended");
    let outcome = log
        .reader(Topic::Calls, &BTreeMap::from([(1, 5)]))
        .and_then(|mut reader| reader.read(1 << 20, Duration::from_secs(10)));
    assert!(
        matches!(outcome, Err(ReadLogError::Ahead { partition: 1, wanted: 5, end: 1 })),
        "a reader ahead of its log was not stopped: {outcome:?}"
    );
}
