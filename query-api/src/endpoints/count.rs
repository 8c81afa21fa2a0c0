//! `POST /api/llm-log/count`.

use axum::response::Response;
use schemas::reader::CountRequest;
use serde_json::json;

use super::Call;
use crate::parse::{check_typed_values, filter};
use crate::refusal::Refusal;
use crate::render::read_response;

/// Only `query` is read: whatever else a body has, right or wrong, changes nothing.
pub(crate) async fn answer(call: Call<'_>) -> Result<Response, Refusal> {
    let query = call.request.body.get("query");
    check_typed_values(query)?;
    let scope = call.read_scope()?;
    filter::check_columns(query)?;
    let filter = filter::lower(query, call.reference, scope)?;
    let answer = call.api.reader.count(CountRequest { context: call.context(scope), filter }).await?;
    Ok(read_response(&json!({ "count": answer.content }), &call.freshness(&answer)))
}
