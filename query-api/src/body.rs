//! Reading a body: JSON or a form, plain or gzip, bounded before and after decompression and in what it stands for.

mod form;
mod json;
mod memory;

pub(crate) use memory::{BodyMemory, Sender};

use std::io::Read as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use schemas::limits::{BODY_BYTES, BODY_VALUES, FORM_DEPTH, FORM_PAIRS, JSON_DEPTH};
use serde_json::{Map, Value as Json};

use memory::{HeldMemory, NoMemory};

/// Bodies from this size on are decoded on a thread where that may take its time.
const LARGE_BYTES: usize = 64 * 1024;
/// Bytes that are inflated at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why a body can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {} MiB", BODY_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("the body has more than {BODY_VALUES} values")]
    TooManyValues,
    #[error("the body nests deeper than {JSON_DEPTH} levels")]
    TooDeep,
    #[error("the body took too long to arrive")]
    TooSlow,
    #[error("too many large bodies are being read")]
    Busy,
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
    #[error(
        "the body is not a valid form: expected name=value pairs such as query[status]=Error, at most {FORM_PAIRS} of them, nested at most {FORM_DEPTH} deep"
    )]
    Form,
    #[error("the body is neither a JSON object nor an array: expected an object with query, select and so on")]
    NotAnObject,
}

impl BodyError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge | Self::TooManyValues => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentType(_) | Self::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Gzip | Self::Cut | Self::Json(_) | Self::TooDeep | Self::Form | Self::NotAnObject => {
                StatusCode::BAD_REQUEST
            }
        }
    }
}

impl From<NoMemory> for BodyError {
    fn from(_: NoMemory) -> Self {
        Self::Busy
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Form,
}

/// What the body of a request says.
#[derive(Debug)]
pub(crate) struct ReadBody {
    /// Of equal keys the last wins; no body and an array have no members.
    pub(crate) members: Map<String, Json>,
    /// What the members take, until nobody needs them any more.
    pub(crate) memory: HeldMemory,
}

pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    memory: &BodyMemory,
    sender: Sender,
    timeout: Duration,
) -> Result<ReadBody, BodyError> {
    let mut memory = memory.hold(sender);
    let received = tokio::time::timeout(timeout, receive(body, &mut memory));
    let bytes = received.await.map_err(|_| BodyError::TooSlow)??;
    if bytes.is_empty() {
        return Ok(ReadBody { members: Map::new(), memory });
    }
    let format = format_of(headers)?;
    let gzip = is_gzip(headers)?;
    let is_small = bytes.len() < LARGE_BYTES && !gzip;
    let decode = move || {
        let bytes = if gzip { inflate(&bytes, &mut memory)? } else { bytes };
        Ok(ReadBody { members: parse(&bytes, format, &mut memory)?, memory })
    };
    if is_small { decode() } else { tokio::task::spawn_blocking(decode).await.map_err(|_| BodyError::Cut)? }
}

async fn receive(body: Body, memory: &mut HeldMemory) -> Result<Vec<u8>, BodyError> {
    let mut received = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Cut)?;
        if received.len() + chunk.len() > BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        memory.grow(chunk.len())?;
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

fn inflate(bytes: &[u8], memory: &mut HeldMemory) -> Result<Vec<u8>, BodyError> {
    let mut inflated = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = decoder.read(&mut chunk).map_err(|_| BodyError::Gzip)?;
        let Some(more) = chunk.get(..read).filter(|more| !more.is_empty()) else { return Ok(inflated) };
        if inflated.len() + more.len() > BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        memory.grow(more.len())?;
        inflated.extend_from_slice(more);
    }
}

fn parse(bytes: &[u8], format: Format, memory: &mut HeldMemory) -> Result<Map<String, Json>, BodyError> {
    match format {
        Format::Form => form::parse(bytes).ok_or(BodyError::Form),
        Format::Json => match json::read(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), memory)? {
            Json::Object(members) => Ok(members),
            Json::Array(_) => Ok(Map::new()),
            _ => Err(BodyError::NotAnObject),
        },
    }
}
