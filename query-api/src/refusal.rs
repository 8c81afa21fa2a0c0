//! Every answer that is not a success, with its status and its exact text.

use std::collections::BTreeSet;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemas::access::Permission;
use schemas::id::Partition;
use schemas::reader::ReadError;
use serde_json::json;

use crate::body::BodyError;
use crate::consistency::ConsistencyError;
use crate::cursor::CursorError;
use crate::parse::{FilterError, PagingError, SelectError, SortError, StatsError};
use crate::render::json_response;
use crate::request::Operation;

/// Why a request has no answer. `Display` is the text that clients see and parse.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("Invalid API Key")]
    InvalidApiKey,
    #[error("AccessToken is invalid or expired. Please refresh your token.")]
    InvalidSession,
    #[error("Authenticated user or a valid API key is needed to {} record of LLM Log.", .0.name())]
    NotLoggedIn(Operation),
    #[error("Invalid ID format: \"{0}\". Expected a valid UUID (e.g., \"550e8400-e29b-41d4-a716-446655440000\").")]
    InvalidId(String),
    #[error("tenantid: expected the id of a project, a UUID")]
    InvalidTenant,
    #[error("You are not authorized to read LLM Log because {} is in your team's permission block list.", .0.name())]
    Blocked(Permission),
    #[error("isMultiTenantRequest not allowed on LLM Log")]
    MultiTenant,
    #[error("You do not have permissions to read LLM Log. You need one of these permissions: {0}")]
    NoReadPermission(String),
    #[error(transparent)]
    Paging(#[from] PagingError),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(transparent)]
    Select(#[from] SelectError),
    #[error("GroupBy is currently not supported")]
    GroupBy,
    #[error(transparent)]
    Sort(#[from] SortError),
    #[error(transparent)]
    Stats(#[from] StatsError),
    #[error("{0} is required")]
    Required(&'static str),
    #[error(
        "Invalid request body. The update payload should be an object of the form {{ \"data\": {{ ...fields to update... }} }}."
    )]
    NoUpdate,
    #[error(
        "No fields to update. Please include at least one field to update in the \"data\" object of the request body."
    )]
    EmptyUpdate,
    #[error("{} on LLM Log is not allowed.", .0.name())]
    NotAllowed(Operation),
    #[error("Page not found - {0}")]
    PageNotFound(String),
    #[error("Cannot {method} {path}")]
    UnknownMethod { method: String, path: String },
    #[error("cursor: {0}")]
    Cursor(#[from] CursorError),
    #[error("Llm-Log-Consistent-With: {0}")]
    Consistency(#[from] ConsistencyError),
    #[error("{}", read_text(.0))]
    Read(#[from] ReadError),
}

/// What clients see of a failed read. What is wrong inside is for the log.
fn read_text(error: &ReadError) -> String {
    match error {
        ReadError::Unavailable { partitions } if partitions.is_empty() => "no projector can be reached".to_owned(),
        ReadError::Unavailable { partitions } => format!("nobody serves the partitions {}", joined(partitions)),
        ReadError::OtherLog => format!("Llm-Log-Consistent-With: {}", ConsistencyError::OtherLog),
        ReadError::Behind { partitions } => {
            format!("the log is not read that far yet in the partitions {}; ask again", joined(partitions))
        }
        ReadError::TooManyWaiting { .. } => ConsistencyError::TooManyWaiting.to_string(),
        ReadError::Internal { .. } => "The server could not read its index.".to_owned(),
        ReadError::OtherVersion { .. } => "the query API and a projector are of different versions".to_owned(),
        ReadError::Timeout { .. } | ReadError::Busy { .. } | ReadError::Refused { .. } => error.to_string(),
    }
}

fn joined(partitions: &BTreeSet<Partition>) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Body(error) => error.status(),
            Self::Filter(error) => error.status(),
            Self::Select(error) => error.status(),
            Self::Sort(error) => error.status(),
            Self::InvalidSession | Self::NotLoggedIn(_) => StatusCode::UNAUTHORIZED,
            Self::Blocked(_) | Self::NoReadPermission(_) | Self::NotAllowed(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PageNotFound(_) | Self::UnknownMethod { .. } => StatusCode::NOT_FOUND,
            Self::Consistency(error) => error.status(),
            Self::Read(error) => match error {
                ReadError::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
                ReadError::OtherLog => StatusCode::PRECONDITION_FAILED,
                ReadError::Busy { .. }
                | ReadError::Unavailable { .. }
                | ReadError::Behind { .. }
                | ReadError::TooManyWaiting { .. }
                | ReadError::OtherVersion { .. } => StatusCode::SERVICE_UNAVAILABLE,
                ReadError::Refused { .. } => StatusCode::BAD_REQUEST,
                ReadError::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::InvalidApiKey
            | Self::InvalidId(_)
            | Self::InvalidTenant
            | Self::MultiTenant
            | Self::Paging(_)
            | Self::GroupBy
            | Self::Stats(_)
            | Self::Required(_)
            | Self::NoUpdate
            | Self::EmptyUpdate
            | Self::Cursor(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// How long a client should wait before it tries again, in whole seconds.
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Read(ReadError::Busy { retry_after } | ReadError::TooManyWaiting { retry_after }) => {
                Some(retry_after.as_secs().max(1))
            }
            Self::Read(ReadError::Unavailable { .. } | ReadError::Behind { .. } | ReadError::OtherVersion { .. })
            | Self::Body(BodyError::Busy) => Some(1),
            Self::Consistency(error) => error.retry_after_seconds(),
            _ => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        if let Self::Read(ReadError::Internal { reason } | ReadError::OtherVersion { reason }) = &self {
            tracing::error!(error.reason = %reason, "a read failed: the answer is a {}", status.as_u16());
        }
        let mut response = match &self {
            Self::UnknownMethod { .. } => unknown_method_page(&self.to_string()),
            Self::InvalidSession | Self::PageNotFound(_) => {
                json_response(status, &json!({ "message": self.to_string() }))
            }
            _ => json_response(status, &json!({ "error": self.to_string() })),
        };
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What the reference server answers to a method that none of its routes knows.
fn unknown_method_page(text: &str) -> Response {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n\
         <body>\n<pre>{text}</pre>\n</body>\n</html>\n"
    );
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, "default-src 'none'")];
    (StatusCode::NOT_FOUND, headers, page).into_response()
}
