//! Who sends a request, and what that lets them do.

use axum::http::{HeaderMap, HeaderValue, header};
use schemas::access::{API_KEY_HEADER, ApiKey, Credentials, Forbidden, Permission, Principal};

use super::IngestApi;
use super::answer::Refusal;

impl IngestApi {
    /// Whose key this is. There are no sessions here, so none is valid.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let keys = headers.get_all(API_KEY_HEADER).iter().map(HeaderValue::as_bytes);
        let authorizations = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let key = match Credentials::of_headers(keys, authorizations).map_err(|_| Refusal::InvalidApiKey)? {
            Credentials::Key(key) => key,
            Credentials::Session => return Err(Refusal::InvalidSession),
            Credentials::Nothing => return Err(Refusal::NotLoggedIn("create record of LLM Log Event")),
        };
        let key: ApiKey = key.parse().map_err(|_| Refusal::InvalidApiKey)?;
        if self.master_key.is_some_and(|master| master.is(key)) {
            return Ok(Principal::Master);
        }
        self.reference.load().authenticate(key, self.clock.now().date()).map_err(|_| Refusal::InvalidApiKey)
    }

    pub(super) fn authenticate_master(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self.authenticate(headers)? {
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
