//! The endpoints, one a file.

pub(crate) mod count;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod item;
pub(crate) mod list;
pub(crate) mod stats;
pub(crate) mod update;

use schemas::access::{Principal, ReadScope};
use schemas::id::{CallId, is_hyphenated_uuid};
use schemas::positions::Positions;
use schemas::reader::{Answer, ReadContext, WaitFor};
use schemas::reference::ReferenceData;

use crate::api::QueryApi;
use crate::permission::read_scope;
use crate::refusal::Refusal;
use crate::render::Freshness;
use crate::request::{Operation, Request};

/// A request with everything that an endpoint needs to answer it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) api: &'a QueryApi,
    pub(crate) request: &'a Request,
    pub(crate) principal: Option<&'a Principal>,
    pub(crate) reference: &'a ReferenceData,
    /// What the answer has to reflect.
    pub(crate) wait_for: Option<&'a WaitFor>,
}

impl Call<'_> {
    fn read_scope(&self) -> Result<ReadScope, Refusal> {
        read_scope(self.principal, self.request, self.api.compat)
    }

    fn context(&self, scope: ReadScope) -> ReadContext {
        ReadContext { scope, partitions: None, wait_for: self.wait_for.cloned(), timeout: self.api.query_timeout }
    }

    /// How far an answer reaches, with the position of the reference data.
    fn freshness<T>(&self, answer: &Answer<T>) -> Freshness {
        let positions = Positions { reference: Some(self.reference.next()), ..answer.positions.clone() };
        Freshness { positions, lag_ms: answer.lag_ms }
    }

    /// Nobody may write: the refusal of whoever is known, and of whoever is not.
    fn refuse(&self, operation: Operation) -> Refusal {
        if self.principal.is_some() { Refusal::NotAllowed(operation) } else { Refusal::NotLoggedIn(operation) }
    }
}

/// The id in a path.
fn call_id(text: &str) -> Result<CallId, Refusal> {
    let invalid = || Refusal::InvalidId(text.to_owned());
    if is_hyphenated_uuid(text) { text.parse().map_err(|_| invalid()) } else { Err(invalid()) }
}
