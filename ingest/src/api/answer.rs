//! Answers, and refusals as clients see them.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use event_log::AppendError;
use schemas::access::Permission;
use schemas::id::CallId;
use schemas::limits::{BODY_BYTES, LISTED_PROBLEMS, REQUEST_EVENTS};
use schemas::problem::{Problem, Problems};
use serde::Serialize;

use crate::admission::Busy;
use crate::pipeline::EventTooLarge;

/// How long a client should wait when the log did not take its events.
const LOG_RETRY: Duration = Duration::from_secs(1);

/// One thing wrong with one item of a request.
#[derive(Debug, Serialize)]
struct ItemProblem {
    /// Which item, from 0.
    index: usize,
    #[serde(flatten)]
    problem: Problem,
}

/// What is wrong with the items of a request.
#[derive(Debug, Default)]
pub(super) struct ItemProblems {
    listed: Vec<ItemProblem>,
    count: usize,
}

impl ItemProblems {
    pub(super) fn add(&mut self, index: usize, problems: Problems) {
        self.count += problems.0.len();
        let room = LISTED_PROBLEMS.saturating_sub(self.listed.len());
        self.listed.extend(problems.0.into_iter().take(room).map(|problem| ItemProblem { index, problem }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Why a request was not carried out. `Display` is what the client reads.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Invalid API Key")]
    InvalidApiKey,
    #[error("AccessToken is invalid or expired. Please refresh your token.")]
    InvalidSession,
    #[error("Authenticated user or a valid API key is needed to {0}.")]
    NotLoggedIn(&'static str),
    #[error("You do not have permissions to {doing}. You need one of these permissions: {permissions}")]
    Forbidden { doing: &'static str, permissions: String },
    #[error("You are not authorized to {doing} because {} is in your team's permission block list.", permission.name())]
    Blocked { doing: &'static str, permission: Permission },
    #[error("Only the holder of the master key may do this.")]
    MasterOnly,
    #[error("expected the content type application/json or application/*+json")]
    MediaType,
    #[error("expected CloudEvents in structured mode, with their attributes in the body")]
    BinaryMode,
    #[error("expected the content encoding gzip, or none")]
    Encoding,
    #[error("the body is not gzip, as its content encoding says")]
    Gzip,
    #[error("the body did not arrive whole")]
    Cut,
    #[error("the body took too long to arrive")]
    TooSlow,
    #[error("expected a JSON object or an array of objects: {reason}")]
    NotJson { reason: String },
    #[error("the body has more than {BODY_BYTES} bytes: send the events in several requests")]
    BodyTooLarge,
    #[error("the body has more than {REQUEST_EVENTS} items: send them in several requests")]
    TooManyItems,
    #[error("item {index} has {} bytes, more than {}; nothing was appended", .source.bytes, .source.bytes_max)]
    ItemTooLarge { index: usize, source: EventTooLarge },
    #[error("nothing was appended: {} of the items are not as expected", .0.count)]
    Problems(ItemProblems),
    #[error("nothing was appended, send again later: {0}")]
    Busy(Busy),
    #[error("nothing was appended, send again with these ids and the same times: the log does not take events now")]
    NotAppended { calls: Vec<CallId> },
    #[error(
        "it is not known whether the events were appended: they may still appear; send again with these ids and the same times"
    )]
    OutcomeUnknown { calls: Vec<CallId> },
    #[error("the server failed to answer; nothing was appended")]
    Failed,
}

impl Refusal {
    /// The refusal after a failed append. Logs the failure.
    pub(super) fn of_append(error: AppendError, calls: Vec<CallId>) -> Self {
        match error {
            AppendError::Refused { reason } => {
                tracing::error!(error.reason = %reason, events = calls.len(), "the log refused events");
                Self::NotAppended { calls }
            }
            AppendError::Unknown { reason } => {
                tracing::error!(error.reason = %reason, events = calls.len(), "an append has no known outcome");
                Self::OutcomeUnknown { calls }
            }
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidSession | Self::NotLoggedIn(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } | Self::Blocked { .. } | Self::MasterOnly | Self::Problems(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::MediaType | Self::BinaryMode | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidApiKey | Self::Gzip | Self::Cut | Self::NotJson { .. } => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge | Self::TooManyItems | Self::ItemTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotAppended { .. } | Self::OutcomeUnknown { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(busy) => Some(busy.retry_after()),
            Self::NotAppended { .. } | Self::OutcomeUnknown { .. } => Some(LOG_RETRY),
            _ => None,
        }
    }

    pub(super) fn into_response(self) -> Response {
        let (status, retry_after) = (self.status(), self.retry_after());
        let text = self.to_string();
        let mut body = Body::default();
        match self {
            Self::InvalidSession => body.message = Some(text),
            other => {
                body.error = Some(text);
                match other {
                    Self::Problems(ItemProblems { listed, count }) => {
                        body.problem_count = Some(count);
                        body.problems = listed;
                    }
                    Self::NotAppended { calls } | Self::OutcomeUnknown { calls } => body.call_ids = calls,
                    _ => {}
                }
            }
        }
        let mut response = json(status, &body);
        if let Some(after) = retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem_count: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<ItemProblem>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    call_ids: Vec<CallId>,
}

/// The answer's header with the positions of what was appended.
const POSITIONS: HeaderName = HeaderName::from_static("llm-log-positions");

/// The answer to what is durable. The token is in a header too, as reads have it.
pub(super) fn acknowledged(token: &str, body: &impl Serialize) -> Response {
    let mut response = json(StatusCode::OK, body);
    let token = HeaderValue::from_str(token).expect("a token of positions has only letters, digits, - and _");
    response.headers_mut().insert(POSITIONS, token);
    response
}

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("an answer has only string keys and finite numbers");
    let headers =
        [(header::CONTENT_TYPE, "application/json; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, body).into_response()
}
