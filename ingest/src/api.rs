//! The HTTP door.

mod answer;
mod auth;
mod body;
mod events;
mod keys;
mod reference;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::{get, post};
use event_log::EventLog;
use schemas::access::ApiKey;
use schemas::reference::ReferenceData;
use schemas::time::Clock;

use crate::pipeline::Ingest;

/// What the HTTP door works with.
#[derive(Debug, Clone)]
pub struct IngestApi {
    pub ingest: Arc<Ingest>,
    pub reference: Arc<ArcSwap<ReferenceData>>,
    /// The key whose holder may send events of every project and change the reference data.
    pub master_key: Option<ApiKey>,
    pub clock: Clock,
    pub log: Arc<dyn EventLog>,
}

/// `POST /v1/events`, `POST /v1/reference` and `GET /v1/keys`.
pub fn router(api: IngestApi) -> Router {
    Router::new()
        .route("/v1/events", post(events::append))
        .route("/v1/reference", post(reference::append))
        .route("/v1/keys", get(keys::list))
        .with_state(api)
}
