//! Writing answers, in the form of a [`Compat`](crate::Compat).

mod csv;
mod list;
mod row;
mod stats;

pub(crate) use csv::csv_response;
pub(crate) use list::ListAnswer;
pub(crate) use row::RowAnswer;
pub(crate) use stats::StatsAnswer;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use schemas::positions::Positions;
use serde::Serialize;

/// Says which log positions an answer covers.
const POSITIONS: HeaderName = HeaderName::from_static("llm-log-positions");

pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("answers have only string keys and finite numbers");
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], bytes).into_response()
}

/// The answer to a read.
pub(crate) fn read_response(body: &impl Serialize, positions: &Positions) -> Response {
    with_positions(json_response(StatusCode::OK, body), positions)
}

/// Says which positions an answer covers.
pub(crate) fn with_positions(mut response: Response, positions: &Positions) -> Response {
    if let Ok(token) = HeaderValue::try_from(positions.token()) {
        response.headers_mut().insert(POSITIONS, token);
    }
    response
}
