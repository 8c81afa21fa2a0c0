//! A door with a project, three keys and a master key, over a log of its own.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use event_log::{EmbeddedLog, EmbeddedOptions, EventLog, Topic};
use futures::stream;
use ingest::{Ingest, IngestApi, IngestLimits};
use schemas::access::{ApiKey, Grant, Permission};
use schemas::event::CallEvent;
use schemas::id::{LogId, ProjectId};
use schemas::reference::{KeyObject, ReferenceData, ReferenceObject, ReferenceRecord};
use schemas::time::{Clock, Timestamp};
use serde_json::Value;
use testkit::Answer;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;
use uuid::Uuid;

pub(crate) struct Door {
    router: Router,
    log: Arc<dyn EventLog>,
    pub(crate) project: ProjectId,
    pub(crate) owner_key: String,
    pub(crate) writer_key: String,
    pub(crate) reader_key: String,
    pub(crate) master_key: String,
    /// Where the log lives, if it has a place.
    _folder: Option<tempfile::TempDir>,
}

fn clock() -> Clock {
    Clock::new(|| Timestamp::parse("2026-03-01T12:00:00Z").expect("valid"))
}

impl Door {
    pub(crate) fn open() -> Self {
        Self::with_limits(IngestLimits::default())
    }

    pub(crate) fn with_limits(limits: IngestLimits) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = EmbeddedOptions { partitions: 4, clock: clock() };
        let log = EmbeddedLog::open(folder.path(), options).expect("the log opens");
        Self { _folder: Some(folder), ..Self::over(Arc::new(log), limits) }
    }

    pub(crate) fn over(log: Arc<dyn EventLog>, limits: IngestLimits) -> Self {
        let clock = clock();
        let project = ProjectId::of_name("door");
        let mut reference = ReferenceData::default();
        let mut key = |number: u64, permission: Permission| {
            let key = ApiKey::generate();
            let grant = Grant { permission, is_block_permission: false, label_ids: Vec::new() };
            let object = KeyObject {
                project_id: project,
                hash: key.hash(),
                name: None,
                permissions: vec![grant],
                created_at: None,
                expires_at: None,
            };
            let record = ReferenceRecord::of(Uuid::from_u64_pair(1, number), ReferenceObject::Key(object));
            reference.apply(number, record);
            key.reveal()
        };
        let owner_key = key(0, Permission::project_owner());
        let writer_key = key(1, Permission::create_llm_log_event());
        let reader_key = key(2, Permission::read_llm_log());
        let master = ApiKey::generate();
        let ingest = Ingest::new(Arc::clone(&log), LogId(Uuid::nil()), clock.clone(), limits);
        let router = ingest::router(IngestApi {
            ingest,
            reference: Arc::new(ArcSwap::from_pointee(reference)),
            master_key: Some(master),
            clock,
            log: Arc::clone(&log),
        });
        let master_key = master.reveal();
        Self { router, log, project, owner_key, writer_key, reader_key, master_key, _folder: None }
    }

    pub(crate) async fn send(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (StatusCode, Value) {
        let mut request = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request.body(Body::from(body)).expect("a request")).await
    }

    async fn answer(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.whole_answer(request).await;
        (StatusCode::from_u16(answer.status).expect("a status"), answer.json().unwrap_or_default())
    }

    pub(crate) async fn whole_answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
        let body = to_bytes(body, 1 << 20).await.expect("a short body").to_vec();
        Answer { status: parts.status.as_u16(), headers: headers.collect(), body }
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> (StatusCode, Value) {
        let headers = [("apikey", key), ("content-type", "application/json")];
        self.send(path, &headers, body.to_string().into_bytes()).await
    }

    /// A request of the owner whose body is said to have so many bytes and has none, until what is returned is dropped.
    /// Comes back once the body is waited for.
    pub(crate) async fn post_slowly(&self, length: usize) -> (oneshot::Sender<()>, JoinHandle<StatusCode>) {
        let (cut, is_cut) = oneshot::channel();
        let (awaited, is_awaited) = oneshot::channel();
        let bytes = stream::once(async move {
            awaited.send(()).expect("the test waits");
            is_cut.await.map_err(io::Error::other)?;
            Ok::<_, io::Error>(Bytes::new())
        });
        let request = Request::post("/v1/events")
            .header("apikey", &self.owner_key)
            .header("content-length", length)
            .body(Body::from_stream(bytes));
        let sent = self.router.clone().oneshot(request.expect("a request"));
        let sent = tokio::spawn(async move { sent.await.expect("an answer").status() });
        is_awaited.await.expect("the body is waited for");
        (cut, sent)
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Value {
        let request = Request::builder().uri(path).header("apikey", key).body(Body::empty()).expect("a request");
        self.answer(request).await.1
    }

    pub(crate) async fn logged_events(&self) -> Vec<CallEvent> {
        let mut events = Vec::new();
        for partition in 0..self.log.partitions(Topic::Calls) {
            let bounds = self.log.bounds(Topic::Calls, partition).await.expect("reachable");
            let mut next = bounds.start;
            let mut reader = self.log.reader(Topic::Calls, &BTreeMap::from([(partition, next)])).expect("readable");
            while next < bounds.end {
                for record in reader.read(1 << 20, Duration::from_millis(10)).expect("readable").records {
                    next = record.position.offset + 1;
                    events.push(CallEvent::decode(&record.value.expect("a value")).expect("a complete event"));
                }
            }
        }
        events
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("a Vec takes every write");
    encoder.finish().expect("a Vec takes every write")
}
