//! A reader that answers everything with one call and remembers what it was asked.

use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use schemas::event::CallEvent;
use schemas::fold::{CallState, LiveCall};
use schemas::id::{CallKey, LogId};
use schemas::positions::Positions;
use schemas::query::{Frequencies, SortPosition, SortValue};
use schemas::reader::{
    Answer, CallReader, CountRequest, GetRequest, ListPage, ListRequest, ReadError, ReaderStatus, SortedRow,
    StatsRequest,
};
use schemas::row::Row;
use schemas::stats::{Durations, Group, Groups, StatsPage, Totals};
use schemas::value::Value;

/// The one call that there is.
static CALL: LazyLock<(CallKey, LiveCall)> = LazyLock::new(|| {
    let golden = include_bytes!("../../schemas/golden/events/llm-log.call.completed.json");
    let event = CallEvent::decode(golden).expect("a golden event is valid");
    let key = event.key;
    match CallState::of(event, 1) {
        CallState::Live(call) => (key, call),
        CallState::Erased => unreachable!("a completed call is live"),
    }
});

/// Rows of every list that asks for so many: a walk by one row goes on.
const ROWS: u32 = 2;

/// What a reader was asked.
#[derive(Debug)]
pub enum Asked {
    List(ListRequest),
    Count(CountRequest),
    Stats(StatsRequest),
}

#[derive(Debug)]
pub(crate) struct Remembering {
    pub(crate) asked: Arc<Mutex<Option<Asked>>>,
}

impl Remembering {
    fn answer<T>(&self, asked: Asked, content: T) -> Result<Answer<T>, ReadError> {
        *self.asked.lock().expect("nobody panicked") = Some(asked);
        let log = LogId(CALL.0.call.0);
        Ok(Answer { content, positions: Positions { log, partitions: [(0, 1)].into(), reference: None }, lag_ms: 0 })
    }
}

#[async_trait]
impl CallReader for Remembering {
    /// Rows at the place to start after: walks don't move on, and each cursor says what the one before it said.
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        let (key, call) = &*CALL;
        let first = || SortPosition {
            values: vec![SortValue::Value(Value::Null); request.sort.len()],
            id: key.call.0,
            project: key.project,
        };
        let position = request.after.clone().unwrap_or_else(first);
        let row = SortedRow { position, row: Row::of(*key, call, request.columns) };
        let rows = vec![row; request.limit.min(ROWS) as usize];
        self.answer(Asked::List(request), ListPage { rows, count: Some(7) })
    }

    async fn get(&self, _: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        unimplemented!("no target gets a call")
    }

    async fn count(&self, request: CountRequest) -> Result<Answer<u64>, ReadError> {
        self.answer(Asked::Count(request), 7)
    }

    async fn frequencies(&self, _: CountRequest) -> Result<Answer<Frequencies>, ReadError> {
        unimplemented!("a list is asked as one")
    }

    async fn stats(&self, request: StatsRequest) -> Result<Answer<StatsPage>, ReadError> {
        let durations = request.percentiles.then(|| {
            let mut durations = Durations::default();
            durations.record(1200);
            durations
        });
        let totals = Totals { calls: 3, total_tokens: 1 << 40, cost_nano_usd: -1, ..Totals::default() };
        let groups = Groups::from([(vec![Value::Null; request.group_by.len()], Group { totals, durations })]);
        let page = StatsPage::of(groups, request.limit);
        self.answer(Asked::Stats(request), page)
    }

    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        unimplemented!("nobody asks how the reader is")
    }
}
