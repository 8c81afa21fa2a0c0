use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use query_api::{Compat, MergedReader, RemoteReader, RemoteReaderError};
use schemas::access::ReadScope;
use schemas::id::LogId;
use schemas::positions::Positions;
use schemas::protocol::{self, VERSION_HEADER};
use schemas::query::Filter;
use schemas::reader::{Answer, CallReader, CountRequest, ReadContext, ReadError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::memory_reader::MemoryReader;
use crate::server::{Server, calls, id};

const SECRET: &str = "a secret between processes";

/// The other side, as the protocol has it.
async fn projector(reader: Arc<MemoryReader>) -> SocketAddr {
    fn encoded<T: Serialize>(headers: &HeaderMap, answer: &Result<T, ReadError>) -> Response {
        if headers.get("authorization").is_none_or(|value| value != &format!("Bearer {SECRET}")) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let version = [(VERSION_HEADER, protocol::version())];
        if headers.get(VERSION_HEADER).is_none_or(|theirs| theirs != protocol::version()) {
            return (StatusCode::CONFLICT, version).into_response();
        }
        (version, postcard::to_stdvec(answer).expect("encodes")).into_response()
    }
    fn decoded<T: DeserializeOwned>(body: &Bytes) -> T {
        postcard::from_bytes(body).expect("a request")
    }
    macro_rules! reads {
        ($router:expr, $($name:ident)*) => {
            $router$(.route(concat!("/internal/v1/", stringify!($name)), post({
                let reader = Arc::clone(&reader);
                move |headers: HeaderMap, body: Bytes| async move { encoded(&headers, &reader.$name(decoded(&body)).await) }
            })))*
        };
    }
    let router = reads!(Router::new(), list get count frequencies stats);
    let status = move |headers: HeaderMap| async move { encoded(&headers, &reader.status().await) };
    let router = router.route("/internal/v1/status", get(status));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn count() -> CountRequest {
    let context = ReadContext {
        scope: ReadScope::EveryProject,
        partitions: None,
        wait_for: None,
        timeout: Duration::from_millis(100),
    };
    CountRequest { context, filter: Filter::everything() }
}

#[tokio::test]
async fn another_process_answers_as_this_one_would() {
    let address = projector(Arc::new(MemoryReader::new(calls()))).await;
    let remote = RemoteReader::new(&format!("http://{address}/"), SECRET).expect("valid");
    let (far, near) = (Server::over(Compat::Docs, Arc::new(remote)), Server::new(Compat::Docs));
    for (path, body) in [
        (
            "get-list?skip=3&limit=5".to_owned(),
            json!({"select": {"costInUSDCents": 1, "createdAt": 1}, "query": {"feature": null}}),
        ),
        (
            "get-list?limit=5".to_owned(),
            json!({"select": {"llmProvider": true}, "sort": {"llmProvider": {"name": -1}, "_id": -1}, "cursor": ""}),
        ),
        ("count".to_owned(), json!({"query": {"q": {"_type": "FullText", "value": "refund -7"}}})),
        ("stats".to_owned(), json!({"groupBy": ["day"], "percentiles": true})),
        (format!("{}/get-item", id(4)), json!({"select": {"user": true, "status": true}})),
        (format!("{}/get-item", id(99)), json!({})),
    ] {
        let (far, near) = (far.post(&path, &body).await, near.post(&path, &body).await);
        assert_eq!((far.status, far.text), (near.status, near.text), "{path}");
    }
}

#[tokio::test]
async fn errors_of_the_other_process_arrive_as_they_are() {
    let reader = Arc::new(MemoryReader::new(calls()));
    let address = projector(Arc::clone(&reader)).await;
    let remote = RemoteReader::new(&format!("http://{address}"), SECRET).expect("valid");
    for error in [
        ReadError::Timeout { part: "the count".to_owned() },
        ReadError::Busy { retry_after: Duration::from_secs(2) },
        ReadError::Unavailable { partitions: BTreeSet::from([1]) },
    ] {
        reader.fail(error.clone());
        assert_eq!(remote.count(count()).await, Err(error));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_an_error_of_the_installation() {
    let address = projector(Arc::new(MemoryReader::new(calls()))).await;
    let remote = RemoteReader::new(&format!("http://{address}"), "another").expect("valid");
    assert!(matches!(remote.count(count()).await, Err(ReadError::Internal { reason }) if reason.contains("secret")));
}

/// A projector that answers this to whatever it is asked.
async fn answering(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let router = Router::new().fallback(move || async move { answer() });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn what_a_process_of_another_version_answers_is_not_read() {
    // Would decode to a count of 7.
    let positions = Positions { log: LogId(Uuid::nil()), partitions: BTreeMap::new(), reference: None };
    let answer: Result<_, ReadError> = Ok(Answer { content: 7_u64, positions, lag_ms: 0 });
    let bytes = postcard::to_stdvec(&answer).expect("encodes");
    for (status, version) in [(StatusCode::OK, Some("0")), (StatusCode::OK, None), (StatusCode::CONFLICT, Some("0"))] {
        let bytes = bytes.clone();
        let address = answering(move || {
            let mut response = (status, bytes.clone()).into_response();
            if let Some(version) = version {
                response.headers_mut().insert(VERSION_HEADER, HeaderValue::from_static(version));
            }
            response
        })
        .await;
        let url = format!("http://{address}/");
        let remote = RemoteReader::new(&url, SECRET).expect("valid");
        let (theirs, ours) = (version.unwrap_or("none"), protocol::version());
        let reason =
            format!("{url} speaks protocol {theirs} and this process {ours}: all roles have to be of one version");
        let refused = ReadError::OtherVersion { reason };
        assert_eq!(remote.count(count()).await, Err(refused.clone()));
        assert_eq!(remote.status().await, Err(refused.clone()));

        let merged = Arc::new(MergedReader::new(vec![Arc::new(remote)]));
        assert_eq!(merged.status().await, Err(refused));
        let answer = Server::over(Compat::Docs, merged).post("count", &json!({})).await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.text.contains("of different versions"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_process_that_is_away_serves_nothing_of_what_it_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let remote = RemoteReader::new(&format!("http://{address}"), SECRET).expect("valid");
    drop(listener);
    assert_eq!(remote.count(count()).await, Err(ReadError::Unavailable { partitions: BTreeSet::new() }));
    let mut asked = count();
    asked.context.partitions = Some(BTreeSet::from([0, 2]));
    assert_eq!(remote.count(asked).await, Err(ReadError::Unavailable { partitions: BTreeSet::from([0, 2]) }));
}

#[tokio::test]
async fn a_process_that_is_starting_serves_nothing_yet() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let starting = Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE);
    tokio::spawn(async move { axum::serve(listener, starting).await });
    let remote = RemoteReader::new(&format!("http://{address}"), SECRET).expect("valid");
    let mut asked = count();
    asked.context.partitions = Some(BTreeSet::from([0, 2]));
    assert_eq!(remote.count(asked).await, Err(ReadError::Unavailable { partitions: BTreeSet::from([0, 2]) }));
    assert_eq!(remote.status().await, Err(ReadError::Unavailable { partitions: BTreeSet::new() }));
}

#[tokio::test]
async fn a_process_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let remote = RemoteReader::new(&format!("http://{address}"), SECRET).expect("valid");
    let mut asked = count();
    asked.context.partitions = Some(BTreeSet::from([1]));
    assert_eq!(remote.count(asked).await, Err(ReadError::Unavailable { partitions: BTreeSet::from([1]) }));
}

#[test]
fn an_address_that_is_none_is_refused_at_once() {
    for url in ["", "projector:8090", "https://projector", "http://"] {
        assert!(matches!(RemoteReader::new(url, SECRET), Err(RemoteReaderError::Url { .. })), "{url}");
    }
}
