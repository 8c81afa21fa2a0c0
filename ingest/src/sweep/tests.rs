//! Sweeps over a made-up index and an embedded log. What an index lists is tested where there is one.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use event_log::{EmbeddedLog, EmbeddedOptions, EventLog, Topic};
use schemas::event::{CallEvent, CallEventType};
use schemas::fold::CallState;
use schemas::positions::Positions;
use schemas::query::{Frequencies, SortValue};
use schemas::reader::{Answer, CountRequest, GetRequest, ReaderStatus, SortedRow, StatsRequest};
use schemas::stats::StatsPage;
use schemas::time::Date;
use uuid::Uuid;

use super::*;
use crate::limits::IngestLimits;
use crate::producer::CallStarted;

const AGE: Duration = Duration::from_mins(1);
const LOG: LogId = LogId(Uuid::from_u128(7));

/// Shows the calls it was given, whatever was appended since.
#[derive(Debug)]
struct MadeUpIndex {
    calls: Vec<SortedRow>,
    status: ReaderStatus,
    /// The conditions that it was asked with.
    asked: Mutex<Vec<Filter>>,
}

#[async_trait]
impl CallReader for MadeUpIndex {
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        self.asked.lock().expect("not poisoned").push(request.filter.clone());
        let is_after = |row: &&SortedRow| {
            let order = |after: &SortPosition| after.compare(&row.position, &request.sort);
            request.after.as_ref().is_none_or(|after| order(after).is_lt())
        };
        let rows = self.calls.iter().filter(is_after).take(usize::try_from(request.limit).expect("fits")).cloned();
        let content = ListPage { rows: rows.collect(), count: None };
        let positions = Positions { log: LOG, partitions: BTreeMap::new(), reference: None };
        Ok(Answer { content, positions, lag_ms: 0 })
    }

    async fn get(&self, _: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        unimplemented!("a sweep lists")
    }

    async fn count(&self, _: CountRequest) -> Result<Answer<u64>, ReadError> {
        unimplemented!("a sweep lists")
    }

    async fn frequencies(&self, _: CountRequest) -> Result<Answer<Frequencies>, ReadError> {
        unimplemented!("a sweep lists")
    }

    async fn stats(&self, _: StatsRequest) -> Result<Answer<StatsPage>, ReadError> {
        unimplemented!("a sweep lists")
    }

    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        Ok(self.status.clone())
    }
}

fn status() -> ReaderStatus {
    ReaderStatus {
        log: Some(LOG),
        partitions_total: 1,
        serving: BTreeMap::from([(0, 0)]),
        unavailable: [].into(),
        caught_up: true,
        lag_ms: Some(0),
    }
}

/// A call that runs: what its `started` event makes of it.
fn running(number: u128, created_ms: i64, started_ms: i64) -> SortedRow {
    let key = CallKey { project: ProjectId(Uuid::from_u128(1)), call: CallId(Uuid::from_u128(number)) };
    let started = CallStarted::new(key.project, key.call).request_started_at(Date(started_ms)).build();
    let (_, event) = started.expect("valid").into_parts();
    let event = CallEvent {
        id: "1".into(),
        source: "s".into(),
        event_type: CallEventType::Started,
        key,
        time: Timestamp::from_millis(created_ms),
        extensions: Vec::new(),
        data: event.data,
    };
    let CallState::Live(live) = CallState::of(event, 0) else { panic!("it is no erasure") };
    let columns = [Column::Id, Column::ProjectId, Column::CreatedAt, Column::RequestStartedAt];
    SortedRow {
        position: SortPosition {
            values: vec![SortValue::Value(Value::Date(Date(created_ms)))],
            id: key.call.0,
            project: key.project,
        },
        row: Row::of(key, &live, columns.into_iter().collect()),
    }
}

struct Swept {
    outcomes: Vec<Result<u64, SweepError>>,
    events: Vec<CallEvent>,
    asked: Vec<Filter>,
}

async fn sweep(calls: Vec<SortedRow>, status: ReaderStatus, times: usize) -> Swept {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Clock::new(|| Timestamp::parse("2026-03-01T06:00:00Z").expect("valid"));
    let options = EmbeddedOptions { partitions: 1, clock: clock.clone() };
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(folder.path(), options).expect("the log opens"));
    let ingest = Ingest::new(Arc::clone(&log), LOG, clock.clone(), IngestLimits::default());
    let index = Arc::new(MadeUpIndex { calls, status, asked: Mutex::default() });
    let sweeper = Sweeper::new(Arc::clone(&index) as Arc<dyn CallReader>, ingest, clock, AGE);
    let mut outcomes = Vec::new();
    for _ in 0..times {
        outcomes.push(sweeper.sweep().await);
    }
    let end = log.bounds(Topic::Calls, 0).await.expect("readable").end;
    let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(0, 0)])).expect("readable");
    let mut events = Vec::new();
    while u64::try_from(events.len()).expect("fits") < end {
        let batch = reader.read(1 << 24, Duration::from_millis(10)).expect("readable");
        let decode = |value: &[u8]| CallEvent::decode(value).expect("a complete event");
        events.extend(batch.records.iter().filter_map(|record| record.value.as_deref()).map(decode));
    }
    let asked = std::mem::take(&mut *index.asked.lock().expect("not poisoned"));
    Swept { outcomes, events, asked }
}

#[tokio::test]
async fn every_page_is_swept_and_a_second_sweep_makes_the_same_events() {
    let calls: Vec<SortedRow> =
        (0..2500_u32).map(|number| running(u128::from(number), 1000 + i64::from(number / 2), 0)).collect();
    let Swept { outcomes, events, .. } = sweep(calls, status(), 2).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(2500))), "{outcomes:?}");
    let (first, second) = events.split_at(2500);
    assert_eq!(first, second);
    assert!(first.iter().all(|event| event.event_type == CallEventType::Abandoned));
}

#[tokio::test]
async fn a_call_was_abandoned_when_it_had_run_for_the_age_since_creation_and_start() {
    let calls = vec![running(1, 5_000, 2_000), running(2, 5_000, 9_000)];
    let Swept { events, asked, .. } = sweep(calls, status(), 1).await;
    let times: Vec<i64> = events.iter().map(|event| event.time.0 / 1_000_000).collect();
    assert_eq!(times, [5 + 60, 9 + 60]);
    let latest = Value::Date(Date::parse("2026-03-01T05:59:00Z").expect("valid"));
    let upper = Bounds { lower: None, upper: Some(Bound { value: latest, inclusive: true }) };
    for column in [Column::CreatedAt, Column::RequestStartedAt] {
        let condition = format!("{:?}", Filter::Range(column, upper.clone()));
        assert!(format!("{asked:?}").contains(&condition), "{condition} is not in {asked:?}");
    }
}

#[tokio::test]
async fn an_index_that_may_not_show_outcomes_yet_is_not_swept() {
    let statuses = [
        ReaderStatus { caught_up: false, ..status() },
        ReaderStatus { lag_ms: Some(61_000), ..status() },
        ReaderStatus { unavailable: [0].into(), ..status() },
        ReaderStatus { partitions_total: 2, ..status() },
        ReaderStatus { partitions_total: 0, serving: BTreeMap::new(), log: None, ..status() },
        ReaderStatus { log: Some(LogId(Uuid::nil())), ..status() },
    ];
    for status in statuses {
        let told = format!("{status:?}");
        let Swept { outcomes, events, .. } = sweep(vec![running(1, 0, 0)], status, 1).await;
        assert!(matches!(outcomes[..], [Err(SweepError::NotReady(_))]), "{told}: {outcomes:?}");
        assert_eq!(events, [], "{told}");
    }
}
