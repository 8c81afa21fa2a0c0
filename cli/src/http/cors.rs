//! Whose web pages may call from a browser: everybody's unless told otherwise. A key is what protects the data.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_LENGTH, ORIGIN,
    VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET,PUT,POST,DELETE,OPTIONS");
const PREFLIGHT_METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Llm-Log-Positions,Llm-Log-Lag-Ms,Llm-Log-Cursor,Retry-After,X-Request-Id");
/// How long a browser may keep the answer to a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// The origins whose web pages may read answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cors {
    Everybody,
    /// Each as browsers write it.
    Only(Vec<String>),
}

impl Cors {
    /// The answer to an `OPTIONS` request of any path.
    pub(super) fn preflight(&self, request: &HeaderMap) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        if self.allow(request, headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, PREFLIGHT_METHODS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            if let Some(asked) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
        }
        response
    }

    /// Adds what the answer to any other request carries.
    pub(super) fn mark(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if self.allow(request, answer) {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    /// Says whether the sender's page may read the answer. An answer that depends on the sender says so to caches.
    fn allow(&self, request: &HeaderMap, answer: &mut HeaderMap) -> bool {
        let allowed = match self {
            Self::Everybody => Some(ANY),
            Self::Only(origins) => {
                answer.append(VARY, HeaderValue::from_static("Origin"));
                let sender = request.get(ORIGIN);
                sender.filter(|sender| origins.iter().any(|origin| origin.as_bytes() == sender.as_bytes())).cloned()
            }
        };
        let is_allowed = allowed.is_some();
        if let Some(origin) = allowed {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        is_allowed
    }
}
