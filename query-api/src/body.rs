//! Reading a body: JSON or a form, plain or gzip, bounded before and after decompression.

mod form;

use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use schemas::limits::BODY_BYTES;
use serde_json::{Map, Value as Json};

/// Bodies from this size on are decoded on a thread where that may take its time.
const LARGE_BYTES: usize = 64 * 1024;

/// Why a body can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {} MiB", BODY_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("content type {0}: expected application/json, application/*+json or application/x-www-form-urlencoded")]
    ContentType(String),
    #[error("content encoding {0}: expected gzip, or none")]
    Encoding(String),
    #[error("the body is not gzip, as its content encoding says")]
    Gzip,
    #[error("the body did not arrive whole")]
    Cut,
    #[error("the body is not valid JSON: {0}")]
    Json(serde_json::Error),
    #[error("the body is not a valid form: expected name=value pairs such as query[status]=Error, in UTF-8")]
    Form,
    #[error("the body is neither a JSON object nor an array: expected an object with query, select and so on")]
    NotAnObject,
}

impl BodyError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentType(_) | Self::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Gzip | Self::Cut | Self::Json(_) | Self::Form | Self::NotAnObject => StatusCode::BAD_REQUEST,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Form,
}

/// The members of a request's body. Of equal keys the last wins; no body and an array have no members.
pub(crate) async fn read_members(headers: &HeaderMap, body: Body) -> Result<Map<String, Json>, BodyError> {
    let bytes = receive(body).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let format = format_of(headers)?;
    let gzip = is_gzip(headers)?;
    if bytes.len() < LARGE_BYTES && !gzip {
        return parse(&bytes, format);
    }
    let decoding = tokio::task::spawn_blocking(move || {
        let bytes = if gzip { inflate(&bytes)? } else { bytes };
        parse(&bytes, format)
    });
    decoding.await.map_err(|_| BodyError::Cut)?
}

async fn receive(body: Body) -> Result<Vec<u8>, BodyError> {
    let mut received = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Cut)?;
        if received.len() + chunk.len() > BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        received.extend_from_slice(&chunk);
    }
    Ok(received)
}

/// What the content type says; JSON when there is none.
fn format_of(headers: &HeaderMap) -> Result<Format, BodyError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(Format::Json) };
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let refuse = || BodyError::ContentType(text.clone());
    let (media_type, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let charset = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("charset="));
    if charset.is_some_and(|charset| !matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii")) {
        return Err(refuse());
    }
    match media_type.trim() {
        "application/x-www-form-urlencoded" => Ok(Format::Form),
        "application/json" | "" => Ok(Format::Json),
        other if other.starts_with("application/") && other.ends_with("+json") => Ok(Format::Json),
        _ => Err(refuse()),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, BodyError> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    let encoding = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    match encoding.as_str() {
        "gzip" | "x-gzip" => Ok(true),
        "identity" | "" => Ok(false),
        _ => Err(BodyError::Encoding(encoding)),
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut inflated = Vec::new();
    let limit = u64::try_from(BODY_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut inflated).map_err(|_| BodyError::Gzip)?;
    if inflated.len() > BODY_BYTES { Err(BodyError::TooLarge) } else { Ok(inflated) }
}

fn parse(bytes: &[u8], format: Format) -> Result<Map<String, Json>, BodyError> {
    match format {
        Format::Form => form::parse(bytes).ok_or(BodyError::Form),
        Format::Json => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match serde_json::from_slice(bytes).map_err(BodyError::Json)? {
                Json::Object(members) => Ok(members),
                Json::Array(_) => Ok(Map::new()),
                _ => Err(BodyError::NotAnObject),
            }
        }
    }
}
