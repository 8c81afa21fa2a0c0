//! What is in a message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use schemas::id::Partition;
use schemas::positions::Offset;

use crate::log::{LogRecord, Position};

/// The message's headers, less those whose names are not UTF-8: the client library panics over such a name, and no
/// header that means something to us has one.
pub(super) fn headers(message: &BorrowedMessage<'_>) -> Vec<(String, Bytes)> {
    let Some(headers) = message.headers() else { return Vec::new() };
    let read = |at| {
        let header = headers.get(at);
        (header.key.to_owned(), header.value.map(Bytes::copy_from_slice).unwrap_or_default())
    };
    (0..headers.count()).filter_map(|at| catch_unwind(AssertUnwindSafe(|| read(at))).ok()).collect()
}

pub(super) fn record(message: &BorrowedMessage<'_>) -> LogRecord {
    LogRecord {
        position: Position {
            partition: Partition::try_from(message.partition()).unwrap_or(Partition::MAX),
            offset: Offset::try_from(message.offset()).unwrap_or_default(),
        },
        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key().map(Bytes::copy_from_slice).unwrap_or_default(),
        value: message.payload().map(Bytes::copy_from_slice),
        headers: headers(message),
    }
}
