//! `GET` and `POST /api/llm-log/:id/get-item`.

use axum::response::Response;
use schemas::reader::GetRequest;
use serde_json::{Map, Value as Json};

use super::{Call, call_id};
use crate::parse::{check_typed_values, select};
use crate::refusal::Refusal;
use crate::render::{RowAnswer, read_response};

/// A call that does not exist, or not in the key's project, is an empty object.
pub(crate) async fn answer(call: Call<'_>, id: &str) -> Result<Response, Refusal> {
    let id = call_id(id)?;
    check_typed_values(call.request.body.get("select"))?;
    let scope = call.read_scope()?;
    let selection = select::parse(call.request.body.get("select"))?;
    let request = GetRequest { context: call.context(scope), call: id, columns: selection.to_read() };
    let answer = call.api.reader.get(request).await?;
    let freshness = call.freshness(&answer);
    Ok(match &answer.content {
        None => read_response(&Json::Object(Map::new()), &freshness),
        Some(row) => {
            let (reference, compat) = (call.reference, call.api.compat);
            read_response(&RowAnswer { row, selection: &selection, reference, compat }, &freshness)
        }
    })
}
