//! Dead letters, as their topic keeps them: what the inbox could not take, with the reason and where it came from.

pub(crate) mod header;
mod origin;

pub use origin::{LetterId, NotAnOrigin, Origin};

use bytes::Bytes;
use event_log::{InboxDraft, LogRecord};

/// A record that the inbox could not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub origin: Origin,
    /// When the letter was written, in milliseconds since 1970.
    pub written_ms: i64,
    pub reason: String,
    /// What of the record is not here; nothing when it is whole.
    pub cut: Option<String>,
    /// Size of the record's value, which may be more than is here; none when nobody could read it.
    pub source_bytes: Option<u64>,
    /// SHA-256 of the record's value, when only its beginning is here.
    pub source_sha256: Option<String>,
    pub key: Option<Bytes>,
    pub headers: Vec<(String, Bytes)>,
    pub value: Bytes,
}

/// A record of the topic that is no letter of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotALetter {
    #[error(transparent)]
    Key(#[from] NotAnOrigin),
    #[error("it has no {0}")]
    Missing(&'static str),
}

/// What is left of a letter's record can't be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it was cut ({missing}), so that what is left is not what was sent")]
pub struct LetterCut {
    pub missing: String,
}

impl DeadLetter {
    /// Reads a record of the topic. None for the end of a letter that somebody deleted.
    pub fn read(record: &LogRecord) -> Result<Option<Self>, NotALetter> {
        let origin: Origin = std::str::from_utf8(&record.key).map_err(|_| NotAnOrigin)?.parse()?;
        let Some(value) = record.value.clone() else { return Ok(None) };
        let ours = |name: &str| record.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let text = |name: &str| ours(name).map(|value| String::from_utf8_lossy(&value).into_owned());
        let cut = text(header::CUT);
        let source_bytes = match text(header::SOURCE_BYTES) {
            Some(bytes) => bytes.parse().ok(),
            None if cut.as_deref().is_some_and(|missing| missing == header::CUT_VALUE) => None,
            None => u64::try_from(value.len()).ok(),
        };
        let own = record.headers.iter().filter(|(name, _)| !header::is_ours(name));
        Ok(Some(Self {
            origin,
            written_ms: record.timestamp_ms,
            reason: text(header::REASON).ok_or(NotALetter::Missing(header::REASON))?,
            cut,
            source_bytes,
            source_sha256: text(header::SOURCE_SHA256),
            key: ours(header::SOURCE_KEY),
            headers: own.cloned().collect(),
            value,
        }))
    }

    pub fn id(&self) -> LetterId {
        self.origin.id()
    }

    /// The record to send again, if all of it is here. It says where it came from, so that ids and time that ingest
    /// makes for it are those of the first time, however often it is sent.
    pub fn redrive(&self) -> Result<InboxDraft, LetterCut> {
        if let Some(missing) = &self.cut {
            return Err(LetterCut { missing: missing.clone() });
        }
        let mut headers = self.headers.clone();
        headers.push((header::ORIGIN.to_owned(), Bytes::from(self.origin.to_string())));
        Ok(InboxDraft { key: self.key.clone(), value: self.value.clone(), headers })
    }
}
