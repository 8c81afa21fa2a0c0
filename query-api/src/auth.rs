//! Who asks: the holder of an API key, the holder of the master key, or nobody.

use axum::http::{HeaderMap, HeaderValue, header};
use schemas::access::{API_KEY_HEADER, ApiKey, NoKey, Principal};
use schemas::reference::ReferenceData;
use schemas::time::Date;

use crate::refusal::Refusal;

/// The cookie of the reference server's sessions.
const SESSION_COOKIE: &str = "user-token";

/// Who sent these headers; `None` when they name nobody. There are no sessions here, so none is valid.
pub(crate) fn authenticate(
    headers: &HeaderMap,
    reference: &ReferenceData,
    master_key: Option<ApiKey>,
    now: Date,
) -> Result<Option<Principal>, Refusal> {
    let keys = headers.get_all(API_KEY_HEADER).iter().map(HeaderValue::as_bytes);
    let authorizations = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let key = match ApiKey::of_headers(keys, authorizations) {
        Ok(key) => key,
        Err(NoKey::Invalid) => return Err(Refusal::InvalidApiKey),
        Err(NoKey::Session) => return Err(Refusal::InvalidSession),
        Err(NoKey::Nothing) if has_session_cookie(headers) => return Err(Refusal::InvalidSession),
        Err(NoKey::Nothing) => return Ok(None),
    };
    reference.authenticate_or_master(key, master_key, now).map(Some).map_err(|_| Refusal::InvalidApiKey)
}

fn has_session_cookie(headers: &HeaderMap) -> bool {
    headers.get_all(header::COOKIE).iter().any(|cookies| {
        String::from_utf8_lossy(cookies.as_bytes())
            .split(';')
            .filter_map(|cookie| cookie.split_once('='))
            .any(|(name, value)| name.trim() == SESSION_COOKIE && !value.trim().is_empty())
    })
}
