//! Reading a request's body within the bytes that may be in flight.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use flate2::write::MultiGzDecoder;
use futures::StreamExt as _;
use schemas::id::ProjectId;
use schemas::limits::{BODY_BYTES, REQUEST_EVENTS};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::answer::Refusal;
use crate::admission::Held;
use crate::pipeline::Ingest;

/// What an item of the body has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    /// Events with their envelope, or objects without one.
    Any,
    /// Events with their envelope: the content type says so.
    CloudEvents,
}

/// A whole body, and its hold on the bytes in flight.
#[derive(Debug)]
pub(super) struct ReceivedBody {
    pub(super) bytes: Vec<u8>,
    pub(super) held: Held,
    pub(super) items: Items,
}

/// What is read of a body that is refused, so that a client that still sends can read why.
const DRAINED_BYTES: usize = 4 * 1024 * 1024;
/// How long that may take.
const DRAINED_FOR: Duration = Duration::from_secs(10);

/// Reads the whole body and inflates it on the way. A length that is told is held before anything is read.
pub(super) async fn receive(
    ingest: &Ingest,
    project: Option<ProjectId>,
    headers: &HeaderMap,
    body: Body,
) -> Result<ReceivedBody, Refusal> {
    let items = items_of(headers)?;
    let gzip = is_gzip(headers)?;
    let mut bytes = Bounded { bytes: Vec::new(), held: ingest.admission().hold(project), refused: None };
    // What is inflated is of a length that nobody knows.
    let length = if gzip { 0 } else { told_length(headers) };
    let mut chunks = body.into_data_stream();
    let receiving = async {
        let received = match bytes.expect(length) {
            Err(refusal) => Err(refusal),
            Ok(()) if gzip => receive_gzip(bytes, &mut chunks).await,
            Ok(()) => receive_plain(bytes, &mut chunks).await,
        };
        if matches!(received, Err(Refusal::Busy(_))) && !headers.contains_key(header::EXPECT) {
            // Whoever does not send it in time is answered all the same.
            let _ = tokio::time::timeout(DRAINED_FOR, drain(&mut chunks)).await;
        }
        received
    };
    let received = tokio::time::timeout(ingest.limits().body_timeout, receiving).await;
    let Bounded { bytes, held, .. } = received.map_err(|_| Refusal::TooSlow)??;
    Ok(ReceivedBody { bytes, held, items })
}

async fn drain(chunks: &mut BodyDataStream) {
    let mut drained = 0;
    while drained < DRAINED_BYTES
        && let Some(Ok(chunk)) = chunks.next().await
    {
        drained += chunk.len();
    }
}

async fn receive_plain(mut bytes: Bounded, chunks: &mut BodyDataStream) -> Result<Bounded, Refusal> {
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::Cut)?;
        bytes.push(&chunk)?;
    }
    Ok(bytes)
}

async fn receive_gzip(bytes: Bounded, chunks: &mut BodyDataStream) -> Result<Bounded, Refusal> {
    let mut decoder = MultiGzDecoder::new(bytes);
    let (mut received, mut last) = (0, 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::Cut)?;
        received += chunk.len();
        if received > BODY_BYTES {
            return Err(Refusal::BodyTooLarge);
        }
        last = chunk.len();
        decoder.write_all(&chunk).map_err(|_| decoder.get_mut().refused.take().unwrap_or(Refusal::Gzip))?;
    }
    if last == 0 {
        return Err(Refusal::Gzip);
    }
    match decoder.try_finish() {
        Ok(()) => decoder.finish().map_err(|_| Refusal::Gzip),
        Err(_) => Err(decoder.get_mut().refused.take().unwrap_or(Refusal::Gzip)),
    }
}

/// Bytes that grow only within the bounds.
struct Bounded {
    bytes: Vec<u8>,
    held: Held,
    /// Why it would not grow, when a writer only heard of an error.
    refused: Option<Refusal>,
}

impl Bounded {
    /// Holds what the body says that it has.
    fn expect(&mut self, length: usize) -> Result<(), Refusal> {
        if length > BODY_BYTES {
            return Err(Refusal::BodyTooLarge);
        }
        self.held.grow(length).map_err(Refusal::Busy)?;
        self.bytes.reserve_exact(length);
        Ok(())
    }

    fn push(&mut self, more: &[u8]) -> Result<(), Refusal> {
        if self.bytes.len() + more.len() > BODY_BYTES {
            return Err(Refusal::BodyTooLarge);
        }
        let beyond = (self.bytes.len() + more.len()).saturating_sub(self.held.bytes());
        self.held.grow(beyond).map_err(Refusal::Busy)?;
        self.bytes.extend_from_slice(more);
        Ok(())
    }
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        match self.push(more) {
            Ok(()) => Ok(more.len()),
            Err(refusal) => {
                self.refused = Some(refusal);
                Err(io::Error::other("over the bounds"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn told_length(headers: &HeaderMap) -> usize {
    let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    told.and_then(|length| length.parse().ok()).unwrap_or(0)
}

fn items_of(headers: &HeaderMap) -> Result<Items, Refusal> {
    if headers.contains_key("ce-specversion") {
        return Err(Refusal::BinaryMode);
    }
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(Items::Any) };
    let text = String::from_utf8_lossy(content_type.as_bytes()).to_ascii_lowercase();
    match text.split(';').next().unwrap_or_default().trim() {
        "application/cloudevents+json" | "application/cloudevents-batch+json" => Ok(Items::CloudEvents),
        "application/json" => Ok(Items::Any),
        other if other.starts_with("application/") && other.ends_with("+json") => Ok(Items::Any),
        _ => Err(Refusal::MediaType),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Refusal> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    match String::from_utf8_lossy(encoding.as_bytes()).trim().to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Ok(true),
        "identity" | "" => Ok(false),
        _ => Err(Refusal::Encoding),
    }
}

/// The body's items: the elements of an array, or the one object.
pub(super) fn items(body: &[u8]) -> Result<Vec<&RawValue>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| Refusal::NotJson { reason: error.to_string() })?;
    if !text.trim_start().starts_with(['[', '{']) {
        return Err(Refusal::NotJson { reason: "it is neither".to_owned() });
    }
    let not_json = |error: serde_json::Error| Refusal::NotJson { reason: error.to_string() };
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map(|item| vec![item]).map_err(not_json);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let items = deserializer.deserialize_seq(BoundedItems).map_err(not_json)?;
    deserializer.end().map_err(not_json)?;
    items.ok_or(Refusal::TooManyItems)
}

/// Reads an array of no more items than a request may have; none if it has more.
struct BoundedItems;

impl<'de> Visitor<'de> for BoundedItems {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = array.next_element()? {
            if items.len() == REQUEST_EVENTS {
                while array.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            items.push(item);
        }
        Ok(Some(items))
    }
}
