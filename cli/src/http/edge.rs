//! What every page of a listener has in common: the middleware, all of it.

use std::any::Any;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestId as _, MakeRequestUuid};
use tracing::Instrument as _;

use super::cors::Cors;
use super::json_answer;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id of a client that is taken over, in bytes.
const REQUEST_ID_BYTES: usize = 128;

/// Puts the middleware around all pages. A listener for other processes only has no CORS.
pub(super) fn with_edge(pages: Router, cors: Option<Cors>) -> Router {
    pages
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(cors, answer))
}

async fn answer(State(cors): State<Option<Cors>>, request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let request_id = request_id(&request);
    let shown = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    let span = tracing::info_span!("request", request.id = shown);
    let mut response = match &cors {
        Some(cors) if *request.method() == Method::OPTIONS => cors.preflight(&asked),
        _ => {
            let mut response = next.run(request).instrument(span).await;
            if let Some(cors) = &cors {
                cors.mark(&asked, response.headers_mut());
            }
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(id) = request_id {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// The client's own id if it can stand in a log line, else a new one.
fn request_id(request: &Request) -> Option<HeaderValue> {
    let is_plain = |id: &&HeaderValue| {
        (1..=REQUEST_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    match request.headers().get(REQUEST_ID).filter(is_plain) {
        Some(id) => Some(id.clone()),
        None => MakeRequestUuid.make_request_id(request).map(tower_http::request_id::RequestId::into_header_value),
    }
}

/// The panic's text may hold what a client sent, so it is neither answered nor logged here.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request ended in a panic: the answer is a 500");
    json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "The server failed to answer." }))
}

/// The answer to a path that no page has.
pub(crate) async fn no_page(uri: Uri) -> Response {
    json_answer(StatusCode::NOT_FOUND, &json!({ "message": format!("Page not found - {}", uri.path()) }))
}

/// The answer to a method that a page does not have. axum adds those that it has.
pub(super) async fn no_method(method: Method, uri: Uri) -> Response {
    json_answer(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": format!("{} does not take {method}", uri.path()) }))
}

#[cfg(test)]
mod tests;
