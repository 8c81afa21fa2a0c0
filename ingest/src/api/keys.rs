//! `GET /v1/keys`: the API keys, without the keys.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemas::access::Grant;
use schemas::id::{KeyId, ProjectId};
use serde::Serialize;

use super::IngestApi;
use super::answer::json;

#[derive(Serialize)]
struct Keys {
    keys: Vec<ListedKey>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedKey {
    id: KeyId,
    name: Option<String>,
    project_id: ProjectId,
    project_name: Option<String>,
    permissions: Vec<Grant>,
    created_at: Option<String>,
    expires_at: Option<String>,
    revoked: bool,
}

pub(super) async fn list(State(api): State<IngestApi>, headers: HeaderMap) -> Response {
    if let Err(refusal) = api.authenticate_master(&headers) {
        return refusal.into_response();
    }
    let reference = api.reference.load();
    let keys = reference
        .keys()
        .map(|known| ListedKey {
            id: known.id,
            name: known.key.name.clone(),
            project_id: known.key.project_id,
            project_name: reference.project(known.key.project_id).map(|project| project.name.clone()),
            permissions: known.key.permissions.clone(),
            created_at: known.key.created_at.map(|time| time.to_string()),
            expires_at: known.key.expires_at.map(|time| time.to_string()),
            revoked: known.revoked,
        })
        .collect();
    json(StatusCode::OK, &Keys { keys })
}
