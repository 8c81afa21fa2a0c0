use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use futures::stream;
use query_api::Compat;
use schemas::limits::BODY_VALUES;
use schemas::model::Column;
use schemas::reader::ReadError;
use serde_json::{Map, Value as Json, json};
use testkit::{Answer, Description};

use super::description;
use crate::bodies::gzip;
use crate::memory_reader::MemoryReader;
use crate::server::{KEYS, MASTER, READER, Server, answer_of, calls, id};

const READS: [&str; 4] = ["get-list", "get-item", "count", "stats"];

/// Sends requests and holds the answers to the description.
struct Pages {
    description: Description,
    server: Server,
}

impl Pages {
    async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = answer_of(self.server.send(request.body(body.into()).expect("a valid request")).await);
        let found = self.description.check(method, path, &answer);
        assert!(found.is_empty(), "{method} {path}: {found:?} in {} {}", answer.status, answer.text());
        answer
    }

    async fn read(&mut self, path: &str, key: &str, body: &Json) -> Answer {
        let headers = [("ApiKey", key), ("content-type", "application/json")];
        self.send("POST", &format!("/api/llm-log/{path}"), &headers, body.to_string()).await
    }

    /// Every described page, with the id of a call where one is needed.
    fn all(&self) -> BTreeSet<(String, String)> {
        let described = self.description.described().into_iter();
        described.map(|(method, path, _)| (method, path.replace("{id}", &id(6)))).collect()
    }
}

/// Every column and every field of every related row.
fn everything() -> Json {
    let columns = Column::ALL.into_iter().filter(|column| column.is_readable());
    let select = columns.map(|column| {
        let wanted = match column.relation() {
            None => json!(true),
            Some(relation) => relation.fields().iter().map(|(name, _)| ((*name).to_owned(), json!(true))).collect(),
        };
        (column.name().to_owned(), wanted)
    });
    Json::Object(select.collect::<Map<String, Json>>())
}

impl Pages {
    fn over(compat: Compat, reader: Arc<MemoryReader>) -> Self {
        Self { description: description(compat), server: Server::over(compat, reader) }
    }

    /// Everything that reads can answer with.
    async fn succeed(&mut self) {
        let select = everything();
        for key in [READER, MASTER] {
            let list = self.read("get-list?limit=100", key, &json!({ "select": select })).await;
            assert!(list.text().contains("DB down") && list.text().contains("bob@example.com"));
            for url in ["limit=abc&skip=0x10", "limit=0", "output-type=csv"] {
                self.read(&format!("get-list?{url}"), key, &json!({ "select": select })).await;
            }
            for call in [id(2), id(6), id(999)] {
                self.read(&format!("{call}/get-item"), key, &json!({ "select": select })).await;
            }
            self.read("count", key, &json!({})).await;
            for group in ["modelName", "llmType", "llmProviderId", "status", "feature", "userId", "day"] {
                self.read("stats", key, &json!({ "groupBy": group, "percentiles": true })).await;
            }
            self.read("stats", key, &json!({ "groupBy": ["day", "llmProviderId"] })).await;
            self.read("stats", key, &json!({})).await;
        }
    }

    /// Every refusal of a page.
    async fn refuse(&mut self, method: &str, path: &str) {
        let none = KEYS.iter().find(|(name, ..)| *name == "none").expect("is there").1;
        let (key, json) = (("ApiKey", READER), ("content-type", "application/json"));
        let update = json!({ "data": { "status": "x" } }).to_string();
        let unknown = [("ApiKey", "x"), ("Authorization", "Bearer x")];
        for headers in [&[][..], &[key], &[("ApiKey", none)], &unknown[..1], &unknown[1..]] {
            self.send(method, path, headers, Body::empty()).await;
            self.send(method, path, &[headers, &[json]].concat(), update.clone()).await;
        }
        self.send(method, path, &[key, json], "{").await;
        self.send(method, path, &[key, ("content-type", "text/plain")], "{}").await;
        self.send(method, path, &[key, json, ("content-encoding", "br")], "{}").await;
    }

    /// Refusals of bodies that take too much.
    async fn refuse_bodies(&mut self, method: &str, path: &str) {
        let (key, json) = (("ApiKey", READER), ("content-type", "application/json"));
        let many = gzip(format!("[{}0]", "0,".repeat(BODY_VALUES)).as_bytes());
        self.send(method, path, &[key, json, ("content-encoding", "gzip")], many).await;
        let reader = Arc::new(MemoryReader::new(calls()));
        let hasty = Server::with_body_timeout(Compat::Docs, reader, Duration::from_millis(1));
        let patient = std::mem::replace(&mut self.server, hasty);
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        self.send(method, path, &[key, json], never).await;
        self.server = patient;
    }
}

fn is_read(path: &str) -> bool {
    READS.iter().any(|read| path.ends_with(read))
}

#[tokio::test]
async fn every_answer_is_as_described_and_every_described_answer_is_given() {
    let reader = Arc::new(MemoryReader::new(calls()));
    let mut pages = Pages::over(Compat::Docs, reader.clone());
    pages.succeed().await;
    for (method, path) in pages.all() {
        pages.refuse(&method, &path).await;
        pages.refuse_bodies(&method, &path).await;
    }
    for error in [
        ReadError::Timeout { part: "the scan".to_owned() },
        ReadError::Busy { retry_after: Duration::from_secs(1) },
        ReadError::Unavailable { partitions: BTreeSet::from([2]) },
        ReadError::Refused { reason: "a* stands for too many words".to_owned() },
        ReadError::OtherLog,
        ReadError::Internal { reason: "checksum".to_owned() },
    ] {
        reader.fail(error);
        for (method, path) in pages.all().into_iter().filter(|(_, path)| is_read(path)) {
            pages.send(&method, &path, &[("ApiKey", READER)], Body::empty()).await;
        }
    }
    // A write page is as busy as any when bodies take too much memory, which has a test of its own.
    let unseen = pages.description.unseen();
    assert!(unseen.iter().all(|(_, path, status)| status == "503" && !is_read(path)), "{unseen:?}");
}

#[tokio::test]
async fn every_answer_in_the_reference_form_is_as_described() {
    let mut pages = Pages::over(Compat::OneUptime, Arc::new(MemoryReader::new(calls())));
    pages.succeed().await;
    for (method, path) in pages.all() {
        pages.refuse(&method, &path).await;
    }
}
