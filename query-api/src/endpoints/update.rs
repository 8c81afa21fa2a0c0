//! `PUT /api/llm-log/:id`, `GET` and `POST /api/llm-log/:id/update-item`: refused to everybody.

use serde_json::Value as Json;

use super::{Call, call_id};
use crate::refusal::Refusal;
use crate::request::Operation;

/// Members of an update that are no fields to update.
const IGNORED: [&str; 3] = ["_id", "createdAt", "updatedAt"];

pub(crate) fn refuse(call: Call<'_>, id: &str) -> Refusal {
    if let Err(refusal) = call_id(id) {
        return refusal;
    }
    let Some(Json::Object(fields)) = call.request.body.get("data") else { return Refusal::NoUpdate };
    if fields.keys().all(|name| IGNORED.contains(&name.as_str())) {
        return Refusal::EmptyUpdate;
    }
    call.refuse(Operation::Update)
}
