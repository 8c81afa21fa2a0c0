//! `POST /v1/verify`: the process compares its own index with the log, and goes on meanwhile.

use std::sync::{Arc, Weak};

use ::projector::{Difference, Projector, verify};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use event_log::EventLog;
use schemas::access::{API_KEY_HEADER, ApiKey, NoKey};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::verify::Verified;

/// What the page works with.
#[derive(Clone)]
pub(super) struct VerifyPage {
    /// The role that stops the projector is the one that holds it.
    pub(super) projector: Weak<Projector>,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) master_key: Option<ApiKey>,
}

#[derive(Clone)]
struct Page {
    page: VerifyPage,
    /// A comparison takes memory for its passes: one at a time.
    turn: Arc<Semaphore>,
}

impl VerifyPage {
    pub(super) fn router(self) -> Router {
        let page = Page { page: self, turn: Arc::new(Semaphore::new(1)) };
        Router::new().route("/v1/verify", post(answer)).with_state(page)
    }
}

async fn answer(State(Page { page, turn }): State<Page>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&headers, page.master_key) {
        return refusal;
    }
    let Ok(turn) = turn.try_acquire_owned() else {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "another comparison is under way");
    };
    let Some(snapshot) = page.projector.upgrade().and_then(|projector| projector.snapshot()) else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "there is no index to compare yet");
    };
    let log = Arc::clone(&page.log);
    let compared = tokio::task::spawn_blocking(move || {
        let report = verify(&snapshot, &*log);
        drop(turn);
        report
    });
    match compared.await {
        Ok(Ok(report)) => {
            if report.differences.iter().any(|difference| matches!(difference, Difference::File(_)))
                && let Some(projector) = page.projector.upgrade()
            {
                projector.suspect_damage();
            }
            Json(Verified::from(report)).into_response()
        }
        Ok(Err(error)) => {
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(error, "index and log can't be compared");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("index and log can't be compared: {error}"))
        }
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the comparison did not end"),
    }
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// What anybody but the holder of the master key is told, as on ingest's pages for that key; every other key is the
/// same here, for nobody looks it up.
fn refusal(headers: &HeaderMap, master_key: Option<ApiKey>) -> Option<Response> {
    let keys = headers.get_all(API_KEY_HEADER).iter().map(HeaderValue::as_bytes);
    let authorizations = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    Some(match ApiKey::of_headers(keys, authorizations) {
        Ok(key) if master_key.is_some_and(|master| master.is(key)) => return None,
        Ok(_) => refuse(StatusCode::UNPROCESSABLE_ENTITY, "Only the holder of the master key may do this."),
        Err(NoKey::Invalid) => refuse(StatusCode::BAD_REQUEST, "Invalid API Key"),
        Err(NoKey::Session) => {
            let message = "AccessToken is invalid or expired. Please refresh your token.";
            (StatusCode::UNAUTHORIZED, Json(json!({ "message": message }))).into_response()
        }
        Err(NoKey::Nothing) => {
            let error = "Authenticated user or a valid API key is needed to verify the index.";
            refuse(StatusCode::UNAUTHORIZED, error)
        }
    })
}
