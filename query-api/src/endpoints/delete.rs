//! `DELETE /api/llm-log/:id`, `GET` and `POST /api/llm-log/:id/delete-item`: refused to everybody. A call goes by
//! an `erased` event.

use super::{Call, call_id};
use crate::refusal::Refusal;
use crate::request::Operation;

pub(crate) fn refuse(call: Call<'_>, id: &str) -> Refusal {
    match call_id(id) {
        Ok(_) => call.refuse(Operation::Delete),
        Err(refusal) => refusal,
    }
}
