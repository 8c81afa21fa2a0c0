//! The examples of the documentation.

use serde_json::{Value as Json, json};

use crate::compat::Compat;

const ID: &str = "3773dba0-28fe-11f1-b591-3fdcef396aba";
const PROJECT: &str = "550e8400-e29b-41d4-a716-446655440000";

pub(super) fn list_request() -> Json {
    json!({
        "select": select(),
        "query": { "status": "Example status" },
        "sort": { "createdAt": -1 },
    })
}

pub(super) fn list_answer(compat: Compat) -> Json {
    match compat {
        Compat::Docs => json!({ "count": 107, "limit": 10, "skip": 0, "data": [call(compat)] }),
        Compat::OneUptime => json!({ "data": [call(compat)], "count": 107, "skip": 0, "limit": 10 }),
    }
}

pub(super) fn item_request() -> Json {
    json!({ "select": select() })
}

pub(super) fn call(compat: Compat) -> Json {
    match compat {
        Compat::Docs => json!({
            "_id": ID, "costInUSDCents": 100, "isGlobalProvider": true, "projectId": PROJECT,
            "status": "Example status", "totalTokens": 100,
        }),
        Compat::OneUptime => json!({
            "_id": ID, "projectId": { "_type": "ObjectID", "value": PROJECT }, "isGlobalProvider": true,
            "totalTokens": 100, "costInUSDCents": 100, "status": "Example status",
        }),
    }
}

pub(super) fn count_request() -> Json {
    json!({ "query": { "status": "Example status" } })
}

pub(super) fn count_answer() -> Json {
    json!({ "count": 107 })
}

pub(super) fn stats_request() -> Json {
    json!({
        "query": { "createdAt": { "_type": "GreaterThanOrEqual", "value": "2026-03-01T00:00:00Z" } },
        "groupBy": ["modelName", "day"],
        "percentiles": true,
    })
}

fn select() -> Json {
    json!({ "costInUSDCents": true, "isGlobalProvider": true, "projectId": true, "status": true, "totalTokens": true })
}
