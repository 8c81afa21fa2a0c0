//! `POST /api/llm-log`: refused to everybody. Calls come as events.

use serde_json::Value as Json;

use super::Call;
use crate::parse::is_truthy;
use crate::refusal::Refusal;
use crate::request::Operation;

pub(crate) fn refuse(call: Call<'_>) -> Refusal {
    let member = |name: &str| call.request.body.get("data").and_then(|data: &Json| data.get(name));
    if !is_truthy(member("status")) {
        return Refusal::Required("status");
    }
    if call.principal.is_none() && !is_truthy(member("projectId")) {
        return Refusal::Required("projectId");
    }
    call.refuse(Operation::Create)
}
