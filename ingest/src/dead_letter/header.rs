//! The headers that are ours, on dead letters and on what is sent again.

/// What each of them begins with. A producer's own headers with such a name mean nothing and are not kept.
const PREFIX: &str = "llm-log-";

pub(crate) const REASON: &str = "llm-log-reason";
pub(crate) const SOURCE_TOPIC: &str = "llm-log-source-topic";
pub(crate) const SOURCE_PARTITION: &str = "llm-log-source-partition";
pub(crate) const SOURCE_OFFSET: &str = "llm-log-source-offset";
pub(crate) const SOURCE_TIMESTAMP_MS: &str = "llm-log-source-timestamp-ms";
pub(crate) const SOURCE_KEY: &str = "llm-log-source-key";
pub(crate) const LOG: &str = "llm-log-log";
/// What of the record is missing.
pub(crate) const CUT: &str = "llm-log-cut";
pub(crate) const CUT_KEY_AND_HEADERS: &str = "key and headers";
pub(crate) const CUT_END: &str = "end of the value";
/// Of a record whose bytes could not be had.
pub(crate) const CUT_VALUE: &str = "value";
pub(crate) const SOURCE_BYTES: &str = "llm-log-source-bytes";
pub(crate) const SOURCE_SHA256: &str = "llm-log-source-sha256";
/// On a record that was sent again: where it was first.
pub(crate) const ORIGIN: &str = "llm-log-origin";

pub(crate) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX)
}
