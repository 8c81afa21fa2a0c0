//! The internal listener: reads for other processes of the same installation.
//!
//! `POST /internal/v1/{list,get,count,frequencies,stats}` take a request of `schemas::reader` in postcard and answer
//! with `Result<Answer<…>, ReadError>` in postcard; `GET /internal/v1/status` answers alike. Whoever asks shows the
//! shared secret as a bearer token; the listener belongs on a private network. Both sides name the version of the
//! protocol; one of another version gets 409.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use schemas::limits::BODY_BYTES;
use schemas::protocol::{self, VERSION_HEADER};
use schemas::reader::{CallReader, ReadError};
use serde::Serialize;
use subtle::ConstantTimeEq as _;

/// Serves a reader to those who know the secret.
pub fn internal_router(reader: Arc<dyn CallReader>, secret: &str) -> Router {
    let secret: Arc<str> = secret.into();
    Router::new()
        .route("/internal/v1/list", post(list))
        .route("/internal/v1/get", post(get_call))
        .route("/internal/v1/count", post(count))
        .route("/internal/v1/frequencies", post(frequencies))
        .route("/internal/v1/stats", post(stats))
        .route("/internal/v1/status", get(status))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn(check_version))
        .layer(middleware::from_fn_with_state(secret, check_secret))
        .with_state(reader)
}

async fn check_secret(State(secret): State<Arc<str>>, request: Request, next: Next) -> Response {
    if is_bearer_of(request.headers(), &secret) {
        next.run(request).await
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

/// Lets through those who speak the same protocol, and says which that is.
async fn check_version(request: Request, next: Next) -> Response {
    let ours = protocol::version();
    let theirs = request.headers().get(VERSION_HEADER).map(|version| String::from_utf8_lossy(version.as_bytes()));
    let theirs = theirs.as_deref().unwrap_or("none");
    let mut response = if theirs == ours {
        next.run(request).await
    } else {
        let text = format!(
            "the request speaks protocol {theirs} and this projector {ours}: all roles have to be of one version"
        );
        (StatusCode::CONFLICT, text).into_response()
    };
    response.headers_mut().insert(VERSION_HEADER, HeaderValue::from_static(ours));
    response
}

/// Compares in constant time.
fn is_bearer_of(headers: &HeaderMap, secret: &str) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return false };
    let Some(token) = value.as_bytes().strip_prefix(b"Bearer ") else { return false };
    token.ct_eq(secret.as_bytes()).into()
}

type Reader = State<Arc<dyn CallReader>>;

async fn list(State(reader): Reader, body: Bytes) -> Response {
    match postcard::from_bytes(&body) {
        Ok(request) => answer(&reader.list(request).await),
        Err(error) => unreadable(&error),
    }
}

async fn get_call(State(reader): Reader, body: Bytes) -> Response {
    match postcard::from_bytes(&body) {
        Ok(request) => answer(&reader.get(request).await),
        Err(error) => unreadable(&error),
    }
}

async fn count(State(reader): Reader, body: Bytes) -> Response {
    match postcard::from_bytes(&body) {
        Ok(request) => answer(&reader.count(request).await),
        Err(error) => unreadable(&error),
    }
}

async fn frequencies(State(reader): Reader, body: Bytes) -> Response {
    match postcard::from_bytes(&body) {
        Ok(request) => answer(&reader.frequencies(request).await),
        Err(error) => unreadable(&error),
    }
}

async fn stats(State(reader): Reader, body: Bytes) -> Response {
    match postcard::from_bytes(&body) {
        Ok(request) => answer(&reader.stats(request).await),
        Err(error) => unreadable(&error),
    }
}

async fn status(State(reader): Reader) -> Response {
    answer(&reader.status().await)
}

fn answer<T: Serialize>(answer: &Result<T, ReadError>) -> Response {
    match postcard::to_stdvec(answer) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer to another process could not be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn unreadable(error: &postcard::Error) -> Response {
    tracing::warn!(%error, "a read of another process could not be understood");
    StatusCode::BAD_REQUEST.into_response()
}
