//! `skip` and `limit`, from the URL or the body.

use schemas::limits::PAGE_ROWS;
use serde_json::Value as Json;

use super::js;
use crate::compat::Compat;
use crate::request::Request;

/// Which rows of a list to answer with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Paging {
    pub(crate) skip: u64,
    pub(crate) limit: u32,
    pub(crate) echo: Echo,
}

/// What an answer repeats of the URL, read by other rules than those that count; `None` is `null`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Echo {
    pub(crate) skip: Option<f64>,
    pub(crate) limit: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PagingError {
    #[error("positiveNumber cannot be less than 0")]
    Negative,
    #[error("Limit should be less than or equal to 100")]
    AboveDocumented,
    #[error("Limit should be less than 10000")]
    AboveReference,
    #[error("skip: expected a whole number from 0 to 9223372036854775807")]
    SkipTooGreat,
}

pub(crate) fn parse(request: &Request, compat: Compat) -> Result<Paging, PagingError> {
    let skip = number(request, "skip").unwrap_or(0.0);
    let limit = number(request, "limit").filter(|limit| *limit != 0.0).unwrap_or(f64::from(PAGE_ROWS));
    if skip < 0.0 || limit < 0.0 {
        return Err(PagingError::Negative);
    }
    if limit > f64::from(compat.page_rows_max()) {
        return Err(match compat {
            Compat::Docs => PagingError::AboveDocumented,
            Compat::OneUptime => PagingError::AboveReference,
        });
    }
    let echo = Echo { skip: echo(request, "skip", 0), limit: echo(request, "limit", PAGE_ROWS) };
    Ok(Paging {
        skip: whole(skip).ok_or(PagingError::SkipTooGreat)?,
        limit: whole(limit).and_then(|limit| limit.try_into().ok()).ok_or(PagingError::AboveReference)?,
        echo,
    })
}

/// The URL's number when it is there and not empty, else the body's; `None` when it is no number.
fn number(request: &Request, name: &str) -> Option<f64> {
    match request.parameter(name) {
        Some(text) => js::parse_int(text, true),
        None => js::parse_int(&js::string_of(request.body.get(name).unwrap_or(&Json::Null)), true),
    }
}

fn echo(request: &Request, name: &str, default: u32) -> Option<f64> {
    match request.parameter(name) {
        Some(text) => js::parse_int(text, false),
        None => Some(f64::from(default)),
    }
}

/// A whole number that is not negative, if it fits a signed 64-bit integer.
fn whole(number: f64) -> Option<u64> {
    let text = format!("{number:.0}");
    text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn of(url: &str, body: &Json) -> Result<Paging, PagingError> {
        let body = body.as_object().cloned().unwrap_or_default();
        parse(&Request::new(HeaderMap::new(), Some(url), body), Compat::OneUptime)
    }

    #[test]
    fn numbers_are_read_as_the_reference_server_reads_them() {
        for (url, body, skip, limit) in [
            ("", json!({}), 0, 10),
            ("limit=0", json!({"limit": 5}), 0, 10),
            ("limit=abc", json!({"limit": 5}), 0, 10),
            ("limit=", json!({"limit": 5}), 0, 5),
            ("limit=5abc&limit=7", json!({}), 0, 5),
            ("limit=2.9&skip=1e2", json!({}), 1, 2),
            ("limit=Infinity", json!({}), 0, 10),
            ("limit=0x10", json!({}), 0, 10),
            ("", json!({"limit": [4], "skip": "3"}), 3, 4),
            ("", json!({"limit": true, "skip": null}), 0, 10),
            ("limit=10000", json!({}), 0, 10_000),
            ("skip=9223372036854774784", json!({}), 9_223_372_036_854_774_784, 10),
            ("offset=5", json!({}), 0, 10),
        ] {
            let paging = of(url, &body).expect("valid");
            assert_eq!((paging.skip, paging.limit), (skip, limit), "{url}");
        }
    }

    #[test]
    fn the_echo_has_rules_of_its_own() {
        for (url, skip, limit) in [
            ("", Some(0.0), Some(10.0)),
            ("limit=0&skip=0x10", Some(16.0), Some(0.0)),
            ("limit=abc&skip=x", None, None),
            ("limit=&skip=", Some(0.0), Some(10.0)),
        ] {
            assert_eq!(of(url, &json!({"limit": 3})).expect("valid").echo, Echo { skip, limit }, "{url}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for (url, error) in [
            ("limit=-1", PagingError::Negative),
            ("skip=-1&limit=10001", PagingError::Negative),
            ("limit=10001", PagingError::AboveReference),
            ("limit=99999999999999999999999999", PagingError::AboveReference),
            ("skip=9223372036854775808", PagingError::SkipTooGreat),
        ] {
            assert_eq!(of(url, &json!({})), Err(error), "{url}");
        }
        let request = Request::new(HeaderMap::new(), Some("limit=101"), serde_json::Map::new());
        assert_eq!(parse(&request, Compat::Docs), Err(PagingError::AboveDocumented));
    }
}
