//! `GET /v1/keys`: the API keys, without the keys.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::IngestApi;
use super::answer::json;

pub(super) async fn list(State(api): State<IngestApi>, headers: HeaderMap) -> Response {
    match api.authenticate_master(&headers, "list API keys") {
        Ok(()) => json(StatusCode::OK, &api.reference.load().listed_keys()),
        Err(refusal) => refusal.into_response(),
    }
}
