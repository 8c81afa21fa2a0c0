//! Writing answers, in the form of a [`Compat`](crate::Compat).

mod csv;
mod list;
mod row;
mod stats;

pub(crate) use list::ListAnswer;
pub(crate) use row::RowAnswer;
pub(crate) use stats::StatsAnswer;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use schemas::positions::Positions;
use serde::Serialize;

use crate::cursor::NextPage;

/// Says which log positions an answer covers.
const POSITIONS: HeaderName = HeaderName::from_static("llm-log-positions");
/// Says where the next page of a walk begins, when there is one and the answer itself has no place for it.
const CURSOR: HeaderName = HeaderName::from_static("llm-log-cursor");
/// Says how far it is behind the end of the log.
const LAG_MS: HeaderName = HeaderName::from_static("llm-log-lag-ms");

/// How far an answer reaches.
#[derive(Debug)]
pub(crate) struct Freshness {
    pub(crate) positions: Positions,
    pub(crate) lag_ms: u64,
}

pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("answers have only string keys and finite numbers");
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], bytes).into_response()
}

/// The answer to a read.
pub(crate) fn read_response(body: &impl Serialize, freshness: &Freshness) -> Response {
    with_freshness(json_response(StatusCode::OK, body), freshness)
}

/// A list as CSV. The reference server sends it as HTML, which it is not: nothing in it may run.
pub(crate) fn csv_response(list: ListAnswer<'_>, freshness: &Freshness) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    let cursor = match list.next {
        NextPage::Cursor(cursor) => HeaderValue::try_from(cursor).ok(),
        NextPage::NotAsked | NextPage::None => None,
    };
    let mut response = (StatusCode::OK, headers, csv::csv(list)).into_response();
    if let Some(cursor) = cursor {
        response.headers_mut().insert(CURSOR, cursor);
    }
    with_freshness(response, freshness)
}

fn with_freshness(mut response: Response, freshness: &Freshness) -> Response {
    let headers = response.headers_mut();
    if let Ok(token) = HeaderValue::try_from(freshness.positions.token()) {
        headers.insert(POSITIONS, token);
    }
    headers.insert(LAG_MS, HeaderValue::from(freshness.lag_ms));
    response
}
