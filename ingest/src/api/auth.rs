//! Who sends a request, and what that lets them do.

use axum::http::{HeaderMap, HeaderValue, header};
use schemas::access::{API_KEY_HEADER, ApiKey, Forbidden, NoKey, Permission, Principal};

use super::IngestApi;
use super::answer::Refusal;

impl IngestApi {
    /// Whose key this is; a request without one is told that it is needed for what it asks.
    pub(super) fn authenticate(&self, headers: &HeaderMap, doing: &'static str) -> Result<Principal, Refusal> {
        let keys = headers.get_all(API_KEY_HEADER).iter().map(HeaderValue::as_bytes);
        let authorizations = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let key = ApiKey::of_headers(keys, authorizations).map_err(|no_key| match no_key {
            NoKey::Invalid => Refusal::InvalidApiKey,
            NoKey::Session => Refusal::InvalidSession,
            NoKey::Nothing => Refusal::NotLoggedIn(doing),
        })?;
        let reference = self.reference.load();
        let principal = reference.authenticate_or_master(key, self.master_key, self.clock.now().date());
        principal.map_err(|_| Refusal::InvalidApiKey)
    }

    pub(super) fn authenticate_master(&self, headers: &HeaderMap, doing: &'static str) -> Result<(), Refusal> {
        match self.authenticate(headers, doing)? {
            Principal::Master => Ok(()),
            Principal::Key { .. } => Err(Refusal::MasterOnly),
        }
    }
}

pub(super) fn may_create(principal: &Principal) -> Result<(), Refusal> {
    check(principal, Permission::create_llm_log_event(), "create LLM Log Event")
}

pub(super) fn may_erase(principal: &Principal) -> Result<(), Refusal> {
    check(principal, Permission::erase_llm_log(), "erase LLM Log")
}

/// Owners and admins of the project have every permission.
fn check(principal: &Principal, permission: Permission, doing: &'static str) -> Result<(), Refusal> {
    let any_of = [Permission::project_owner(), Permission::project_admin(), permission];
    principal.check(&any_of).map_err(|forbidden| match forbidden {
        Forbidden::Blocked(permission) => Refusal::Blocked { doing, permission },
        Forbidden::Missing => {
            let titles: Vec<_> = any_of.iter().map(Permission::title).collect();
            Refusal::Forbidden { doing, permissions: titles.join(", ") }
        }
    })
}
