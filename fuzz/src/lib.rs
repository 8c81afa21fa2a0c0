//! The API over a reader that answers everything with one call and remembers what it was asked.

mod reader;

pub use reader::Asked;

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use query_api::{Compat, QueryApi, ReferencePosition, router};
use schemas::limits::{BODY_TIMEOUT, QUERY_TIMEOUT};
use schemas::reference::{ReferenceData, ReferenceRecord};
use schemas::time::{Clock, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower::ServiceExt as _;

use reader::Remembering;

const MASTER_KEY: &str = "f1000000-0000-4000-8000-0000000000ff";
/// Rows for relations to resolve to.
const REFERENCE: &[&[u8]] = &[
    include_bytes!("../../schemas/golden/events/llm-log.reference.project.json"),
    include_bytes!("../../schemas/golden/events/llm-log.reference.llm-provider.json"),
    include_bytes!("../../schemas/golden/events/llm-log.reference.user.json"),
    include_bytes!("../../schemas/golden/events/llm-log.reference.incident.json"),
    include_bytes!("../../schemas/golden/events/llm-log.reference.alert.json"),
    include_bytes!("../../schemas/golden/events/llm-log.reference.scheduled-maintenance.json"),
];

thread_local! {
    static APIS: RefCell<[Api; 2]> = RefCell::new([Compat::Docs, Compat::OneUptime].map(Api::new));
}

/// The API in one of its forms.
pub struct Api {
    runtime: Runtime,
    router: Router,
    asked: Arc<Mutex<Option<Asked>>>,
}

/// An answer, and what the reader was asked for it.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Json,
    pub asked: Option<Asked>,
}

/// Asks the API in this form, as the holder of the master key.
///
/// Whatever the body is, the answer is JSON and says which side was wrong, and a read survives the way to another
/// process.
pub fn ask(compat: Compat, page: &str, body: &[u8]) -> Answer {
    let answer = APIS.with_borrow(|apis| match (apis, compat) {
        ([api, _], Compat::Docs) | ([_, api], Compat::OneUptime) => api.ask(page, body),
    });
    assert!(answer.status.is_success() || answer.status.is_client_error(), "{answer:?}");
    assert_eq!(answer.status == StatusCode::OK, answer.asked.is_some(), "{answer:?}");
    match &answer.asked {
        None => {}
        Some(Asked::List(request)) => survives(request),
        Some(Asked::Count(request)) => survives(request),
        Some(Asked::Stats(request)) => survives(request),
    }
    answer
}

/// Checks that a value is the same behind the wire between processes.
fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = postcard::to_stdvec(value).expect("a read can be encoded");
    assert_eq!(postcard::from_bytes::<T>(&bytes).as_ref(), Ok(value));
}

impl Api {
    fn new(compat: Compat) -> Self {
        let mut reference = ReferenceData::default();
        for (offset, event) in (0..).zip(REFERENCE) {
            reference.apply(offset, ReferenceRecord::decode_event(event).expect("a golden event is valid"));
        }
        let asked = Arc::default();
        let (_, next) = watch::channel(reference.next());
        let now = Timestamp::from_millis(1_775_000_000_000);
        let router = router(QueryApi {
            reader: Arc::new(Remembering { asked: Arc::clone(&asked) }),
            reference: Arc::new(ArcSwap::from_pointee(reference)),
            reference_position: ReferencePosition::new(next),
            master_key: Some(MASTER_KEY.parse().expect("a key")),
            compat,
            query_timeout: QUERY_TIMEOUT,
            body_timeout: BODY_TIMEOUT,
            consistency_timeout: Duration::ZERO,
            clock: Clock::new(move || now),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { runtime, router, asked }
    }

    fn ask(&self, page: &str, body: &[u8]) -> Answer {
        let request = Request::post(format!("/api/llm-log/{page}")).header("apikey", MASTER_KEY);
        let request = request.header("content-type", "application/json").body(Body::from(body.to_vec()));
        let (status, bytes) = self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request.expect("a valid request")).await.expect("an answer");
            (response.status(), to_bytes(response.into_body(), usize::MAX).await.expect("a whole body"))
        });
        Answer {
            status,
            body: serde_json::from_slice(&bytes).expect("every answer is JSON"),
            asked: self.asked.lock().expect("nobody panicked").take(),
        }
    }
}
