//! Who asks: the holder of an API key, the holder of the master key, or nobody.

use axum::http::{HeaderMap, header};
use schemas::access::{ApiKey, Principal};
use schemas::reference::ReferenceData;
use schemas::time::Date;

use crate::refusal::Refusal;

const API_KEY: &str = "apikey";
/// The cookie of the reference server's sessions.
const SESSION_COOKIE: &str = "user-token";

/// Who sent these headers; `None` when they name nobody. A key wins over a session, even an empty one.
pub(crate) fn authenticate(
    headers: &HeaderMap,
    reference: &ReferenceData,
    master_key: Option<ApiKey>,
    now: Date,
) -> Result<Option<Principal>, Refusal> {
    let mut keys = headers.get_all(API_KEY).iter();
    let Some(key) = keys.next() else {
        return if has_session(headers) { Err(Refusal::InvalidSession) } else { Ok(None) };
    };
    if keys.next().is_some() {
        return Err(Refusal::InvalidApiKey);
    }
    let key = key.to_str().map_err(|_| Refusal::InvalidApiKey)?.trim();
    if !is_uuid(key) {
        return Err(Refusal::InvalidApiKey);
    }
    let key: ApiKey = key.parse().map_err(|_| Refusal::InvalidApiKey)?;
    if master_key.is_some_and(|master| master.is(key)) {
        return Ok(Some(Principal::Master));
    }
    reference.authenticate(key, now).map(Some).map_err(|_| Refusal::InvalidApiKey)
}

/// There are no sessions here, so none is valid.
fn has_session(headers: &HeaderMap) -> bool {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let bearer = headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .map(text)
        .any(|value| value.split_whitespace().next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")));
    let cookie = headers.get_all(header::COOKIE).iter().map(text).any(|cookies| {
        cookies
            .split(';')
            .filter_map(|cookie| cookie.split_once('='))
            .any(|(name, value)| name.trim() == SESSION_COOKIE && !value.trim().is_empty())
    });
    bearer || cookie
}

/// Whether this is a UUID in its one written form: 32 hexadecimal digits of any case, with hyphens.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_needs_its_hyphens_and_nothing_else() {
        assert!(is_uuid("550e8400-e29b-41d4-a716-446655440000"));
        assert!(is_uuid("550E8400-E29B-41D4-A716-446655440000"));
        for text in [
            "",
            "550e8400e29b41d4a716446655440000",
            "{550e8400-e29b-41d4-a716-446655440000}",
            "550e8400-e29b-41d4-a716-44665544000g",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
