use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use query_api::{Compat, MergedReader};
use schemas::access::ReadScope;
use schemas::id::CallId;
use schemas::model::{Column, ColumnSet};
use schemas::query::{Filter, Frequencies, SortKey};
use schemas::reader::{
    Answer, CallReader, CountRequest, GetRequest, ListPage, ListRequest, ReadContext, ReadError, ReaderStatus,
    StatsRequest,
};
use schemas::row::Row;
use schemas::stats::StatsPage;
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use crate::memory_reader::{Call, MemoryReader, PARTITIONS, call};
use crate::server::{PROJECT, Server, calls, id, uuid};

fn halves(calls: &[Call]) -> [Arc<MemoryReader>; 2] {
    [
        Arc::new(MemoryReader::of_partitions(calls.to_vec(), [0, 3])),
        Arc::new(MemoryReader::of_partitions(calls.to_vec(), [1, 2])),
    ]
}

fn merged(readers: &[Arc<MemoryReader>]) -> Arc<MergedReader> {
    Arc::new(MergedReader::new(readers.iter().map(|reader| Arc::clone(reader) as Arc<dyn CallReader>).collect()))
}

#[tokio::test]
async fn several_readers_answer_as_one() {
    let alone = Server::new(Compat::Docs);
    let parts = halves(&calls());
    let together = Server::over(Compat::Docs, merged(&parts));
    let with_replica = [Arc::clone(&parts[0]), Arc::new(MemoryReader::new(calls())), Arc::clone(&parts[1])];
    let replicated = Server::over(Compat::Docs, merged(&with_replica));
    let select = json!({"status": true, "durationMs": true, "llmProvider": {"name": true}});
    let mut requests: Vec<(String, Json)> = vec![
        ("count".to_owned(), json!({"query": {"status": "Error"}})),
        ("stats".to_owned(), json!({"groupBy": ["modelName", "status"], "percentiles": true})),
        ("stats".to_owned(), json!({"groupBy": ["modelName"], "limit": 1})),
    ];
    for sort in [
        json!({}),
        json!({"durationMs": -1}),
        json!({"status": 1, "modelName": -1}),
        json!({"llmProvider": {"name": 1}}),
    ] {
        for skip in [0, 5, 11, 12] {
            requests.push((format!("get-list?skip={skip}&limit=4"), json!({"sort": sort, "select": select})));
        }
    }
    requests.extend((0..14).map(|number| (format!("{}/get-item", id(number)), json!({ "select": select }))));
    for (path, body) in requests {
        let expected = alone.post(&path, &body).await.text;
        assert_eq!(together.post(&path, &body).await.text, expected, "{path} {body}");
        assert_eq!(replicated.post(&path, &body).await.text, expected, "{path} {body}");
    }
}

#[tokio::test]
async fn partitions_without_a_reader_are_named_and_a_replica_takes_over() {
    let parts = halves(&calls());
    let replica = Arc::new(MemoryReader::of_partitions(calls(), [0, 1, 2]));
    let readers = [Arc::clone(&parts[0]), Arc::clone(&parts[1]), replica];
    let server = Server::over(Compat::Docs, merged(&readers));
    let count = json!({"count": 12});
    assert_eq!(server.post("count", &json!({})).await.json(), count);
    let away = ReadError::Unavailable { partitions: BTreeSet::from([1, 2]) };
    parts[1].fail(away.clone());
    assert_eq!(server.post("count", &json!({})).await.json(), count);
    parts[0].fail(away);
    let answered = server.post("count", &json!({})).await;
    assert_eq!(answered.summary(), (503, r#"{"error":"nobody serves the partitions 3"}"#));
}

#[tokio::test]
async fn a_reader_that_does_not_work_is_passed_over_where_another_has_its_partitions() {
    let parts = halves(&calls());
    let replica = Arc::new(MemoryReader::new(calls()));
    let server =
        Server::over(Compat::Docs, merged(&[Arc::clone(&parts[0]), Arc::clone(&parts[1]), Arc::clone(&replica)]));
    let count = json!({"count": 12});
    assert_eq!(server.post("count", &json!({})).await.json(), count);
    replica.fail(ReadError::Internal { reason: "a block can't be decompressed".to_owned() });
    for path in ["count", "count", "get-list"] {
        assert_eq!(server.post(path, &json!({})).await.json()["count"], count["count"]);
    }
    let asked = replica.contexts.lock().expect("nobody panicked").len();
    assert_eq!(asked, 2, "it is not asked again at once");
    parts[0].fail(ReadError::Internal { reason: "a block can't be decompressed".to_owned() });
    let answered = server.post("count", &json!({})).await;
    assert_eq!(answered.summary(), (500, r#"{"error":"The server could not read its index."}"#));
}

#[tokio::test]
async fn an_answer_of_several_readers_is_as_far_behind_as_the_last_of_them() {
    let behind = |partitions: [u32; 2], lag_ms| {
        let mut reader = MemoryReader::of_partitions(calls(), partitions);
        reader.lag_ms = lag_ms;
        Arc::new(reader)
    };
    let reader = merged(&[behind([0, 3], 40), behind([1, 2], 9000)]);
    assert_eq!(reader.status().await.expect("both are there").lag_ms, Some(9000));
    let server = Server::over(Compat::Docs, reader);
    for path in ["get-list", "get-list?skip=2000", "count", "stats"] {
        let answered = server.post(path, &json!({})).await;
        assert_eq!(answered.headers.get("llm-log-lag-ms").expect("a lag"), "9000", "{path}");
    }
}

#[tokio::test]
async fn an_error_of_one_part_is_the_error_of_the_whole() {
    let parts = halves(&calls());
    let reader = merged(&parts);
    assert!(reader.status().await.expect("both are there").unavailable.is_empty());
    let server = Server::over(Compat::Docs, reader);
    assert_eq!(server.post("count", &json!({})).await.status, 200);
    let refused = ReadError::Internal { reason: "it refuses the internal secret".to_owned() };
    let broken = Arc::new(MemoryReader::new(Vec::new()));
    broken.fail(refused);
    let half_broken = merged(&[Arc::clone(&parts[0]), broken]);
    let server_of_broken = Server::over(Compat::Docs, half_broken);
    assert_eq!(server_of_broken.post("count", &json!({})).await.status, 500);
    parts[1].fail(ReadError::Timeout { part: "the count".to_owned() });
    assert_eq!(server.post("count", &json!({})).await.status, 504);
}

/// `number` calls, of a minute each.
fn many_calls(number: u32) -> Vec<Call> {
    let calls = (1..=number).map(|number| {
        call(&json!({
            "_id": id(number), "projectId": PROJECT, "status": if number.is_multiple_of(2) { "a" } else { "b" },
            "createdAt": format!("2026-03-01T00:{:02}:00Z", number % 60), "requestPrompt": "long",
        }))
    });
    calls.collect()
}

fn page_of(skip: u64) -> ListRequest {
    ListRequest {
        context: ReadContext {
            scope: ReadScope::Project(PROJECT.parse().expect("a project")),
            partitions: None,
            wait_for: None,
            timeout: Duration::from_secs(1),
        },
        filter: Filter::everything(),
        sort: vec![SortKey::of_column(Column::Status, false), SortKey::of_column(Column::CreatedAt, true)],
        skip,
        limit: 20,
        after: None,
        columns: [Column::Id, Column::RequestPrompt].into_iter().collect(),
        count: true,
        frequencies: None,
    }
}

#[tokio::test]
async fn a_page_far_from_the_start_reads_the_rows_of_that_page_only() {
    let calls = many_calls(1200);
    let alone = MemoryReader::new(calls.clone());
    let parts = halves(&calls);
    let together = merged(&parts);
    // Of prompts no page comes with the rows before it, of others only one that skips few.
    for (column, limits) in [(Column::ModelName, [1019, 20, 20, 20]), (Column::RequestPrompt, [20, 20, 20, 20])] {
        let columns: ColumnSet = [Column::Id, column].into_iter().collect();
        let page_of = |skip| ListRequest { columns, ..page_of(skip) };
        for skip in [999, 1001, 1150, 1199, 1200, 5_000_000_000] {
            let expected = alone.list(page_of(skip)).await.expect("answers").content;
            let page = together.list(page_of(skip)).await.expect("answers").content;
            assert_eq!(page, expected, "skip {skip}");
        }
        let lists = parts[0].lists.lock().expect("nobody panicked").clone();
        let with_rows: Vec<u32> =
            lists.iter().filter(|(_, asked)| *asked == columns).map(|(limit, _)| *limit).collect();
        assert_eq!(with_rows, limits, "{column:?}");
    }
    assert_eq!(together.status().await.expect("answers").serving.len(), PARTITIONS as usize);
}

/// A reader to which calls come after it has counted them.
#[derive(Debug)]
struct Growing {
    counted: MemoryReader,
    listed: MemoryReader,
}

#[async_trait]
impl CallReader for Growing {
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        self.listed.list(request).await
    }

    async fn get(&self, request: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        self.listed.get(request).await
    }

    async fn count(&self, request: CountRequest) -> Result<Answer<u64>, ReadError> {
        self.counted.count(request).await
    }

    async fn frequencies(&self, request: CountRequest) -> Result<Answer<Frequencies>, ReadError> {
        self.listed.frequencies(request).await
    }

    async fn stats(&self, request: StatsRequest) -> Result<Answer<StatsPage>, ReadError> {
        self.listed.stats(request).await
    }

    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        self.listed.status().await
    }
}

#[tokio::test]
async fn the_count_of_a_page_far_from_the_start_is_that_of_what_its_rows_were_read_from() {
    let growing = |partitions: [u32; 2]| -> Arc<dyn CallReader> {
        Arc::new(Growing {
            counted: MemoryReader::of_partitions(many_calls(1190), partitions),
            listed: MemoryReader::of_partitions(many_calls(1200), partitions),
        })
    };
    let together = MergedReader::new(vec![growing([0, 3]), growing([1, 2])]);
    let page = together.list(page_of(1185)).await.expect("answers").content;
    assert_eq!((page.rows.len(), page.count), (15, Some(1200)));
}

/// A reader that can be made to answer nothing any more.
#[derive(Debug)]
struct Hanging {
    reader: MemoryReader,
    status_hangs: AtomicBool,
    statuses_asked: AtomicUsize,
    released: Notify,
}

impl Hanging {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            reader: MemoryReader::new(calls()),
            status_hangs: AtomicBool::new(false),
            statuses_asked: AtomicUsize::new(0),
            released: Notify::new(),
        })
    }

    fn asked(&self) -> usize {
        self.statuses_asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl CallReader for Hanging {
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        self.reader.list(request).await
    }

    /// Fails once it is released.
    async fn get(&self, _: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        self.released.notified().await;
        Err(ReadError::Unavailable { partitions: BTreeSet::new() })
    }

    async fn count(&self, request: CountRequest) -> Result<Answer<u64>, ReadError> {
        self.reader.count(request).await
    }

    async fn frequencies(&self, request: CountRequest) -> Result<Answer<Frequencies>, ReadError> {
        self.reader.frequencies(request).await
    }

    async fn stats(&self, request: StatsRequest) -> Result<Answer<StatsPage>, ReadError> {
        self.reader.stats(request).await
    }

    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        self.statuses_asked.fetch_add(1, Ordering::Relaxed);
        if self.status_hangs.load(Ordering::Relaxed) {
            self.released.notified().await;
            return Err(ReadError::Unavailable { partitions: BTreeSet::new() });
        }
        self.reader.status().await
    }
}

#[tokio::test]
async fn while_one_read_asks_a_reader_that_hangs_the_others_go_on_with_whom_was_chosen_before() {
    let hanging = Hanging::new();
    let server = Server::over(Compat::Docs, Arc::new(MergedReader::new(vec![Arc::clone(&hanging) as _])));
    let body = json!({});
    assert_eq!(server.post("count", &body).await.status, 200);
    hanging.status_hangs.store(true, Ordering::Relaxed);
    let before = hanging.asked();
    let mut reads = FuturesUnordered::new();
    while hanging.asked() == before {
        reads.push(server.post("count", &body));
        let _ = futures::poll!(reads.next());
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        assert_eq!(server.post("count", &body).await.status, 200);
    }
    assert_eq!(hanging.asked(), before + 1);
}

#[tokio::test]
async fn reads_that_wait_together_share_one_answer_that_nobody_serves_anything() {
    let hanging = Hanging::new();
    hanging.status_hangs.store(true, Ordering::Relaxed);
    let server = Server::over(Compat::Docs, Arc::new(MergedReader::new(vec![Arc::clone(&hanging) as _])));
    let body = json!({});
    let mut reads: FuturesUnordered<_> = (0..20).map(|_| server.post("count", &body)).collect();
    assert!(futures::poll!(reads.next()).is_pending());
    assert_eq!(hanging.asked(), 1);
    hanging.released.notify_one();
    while let Some(answered) = reads.next().await {
        assert_eq!(answered.status, 503, "{}", answered.text);
    }
    assert_eq!(hanging.asked(), 1);
}

#[tokio::test]
async fn a_read_of_several_readers_has_a_time_limit_as_a_whole() {
    let reader = MergedReader::new(vec![Hanging::new() as _]);
    let context = ReadContext {
        scope: ReadScope::EveryProject,
        partitions: None,
        wait_for: None,
        timeout: Duration::from_millis(1),
    };
    let call = CallId(uuid(&id(1)));
    let answer = reader.get(GetRequest { context, call, columns: ColumnSet::default() }).await;
    assert_eq!(answer, Err(ReadError::Timeout { part: "asking several projectors".to_owned() }));
}

#[tokio::test]
async fn a_long_read_that_fails_goes_to_another_reader_though_its_own_was_chosen_again_meanwhile() {
    let hanging = Hanging::new();
    let readers = vec![Arc::clone(&hanging) as _, Arc::new(MemoryReader::new(calls())) as _];
    let server = Server::over(Compat::Docs, Arc::new(MergedReader::new(readers)));
    let (item, body) = (format!("{}/get-item", id(1)), json!({"select": {"status": true}}));
    let mut read = std::pin::pin!(server.post(&item, &body));
    assert!(futures::poll!(&mut read).is_pending());
    let before = hanging.asked();
    while hanging.asked() == before {
        assert_eq!(server.post("count", &json!({})).await.status, 200);
    }
    hanging.released.notify_one();
    let answered = read.await;
    assert_eq!((answered.status.as_u16(), &answered.json()["_id"]), (200, &json!(id(1))), "{}", answered.text);
}
