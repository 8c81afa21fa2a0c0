//! From a record of the inbox to a complete event, or to a dead letter.

use event_log::{InboxItem, InboxRecord};
use schemas::event::{CallEventType, IncomingEvent, STRUCTURED_CONTENT_TYPE, decode_binary, decode_structured};
use schemas::id::{CallId, Partition, parse_uuid};
use schemas::positions::Offset;
use schemas::problem::{Problem, Problems};
use schemas::time::Timestamp;
use uuid::Uuid;

use super::letter::{Letter, Reason};
use crate::complete::{Missing, complete};
use crate::dead_letter::Origin;
use crate::pipeline::{Ingest, ReadyEvent};

/// The source of events that name none.
const SOURCE: &str = "llm-log-inbox";
/// What the headers of an event in binary mode begin with.
const ATTRIBUTE_PREFIX: &str = "ce_";

pub(super) fn position(item: &InboxItem) -> (Partition, Offset) {
    match item {
        InboxItem::Record(record) => (record.partition, record.offset),
        InboxItem::Unreadable(unreadable) => (unreadable.partition, unreadable.offset),
    }
}

pub(super) fn take(ingest: &Ingest, item: InboxItem) -> Result<ReadyEvent, Box<Letter>> {
    match item {
        InboxItem::Record(record) => {
            let origin = Origin::of(&record);
            event(ingest, &record, &origin).map_err(|reason| Box::new(Letter::of_record(record, origin, &reason)))
        }
        InboxItem::Unreadable(unreadable) => Err(Box::new(Letter::of_unreadable(unreadable))),
    }
}

fn event(ingest: &Ingest, record: &InboxRecord, origin: &Origin) -> Result<ReadyEvent, Reason> {
    ingest.check_size(record.value.len())?;
    let event = decode(record)?;
    if matches!(event.event_type, CallEventType::Erased | CallEventType::Abandoned) {
        let expected = "another type: calls are erased over HTTP, and llm-log itself finds abandoned ones";
        return Err(Reason::Invalid(Problem::new("/type", expected).into()));
    }
    let parent = if event.source.is_some() { "/data" } else { "" };
    let no_project = || Problem::of_member(parent, "projectId", "the id of the project that the call belongs to");
    let project = event.project.ok_or_else(no_project).map_err(Problems::from)?;
    // A record that was sent again came when it was first sent.
    let timestamp_ms = record.timestamp_ms.min(origin.timestamp_ms);
    let taken_at = Timestamp::from_millis(timestamp_ms);
    if !taken_at.is_valid() {
        return Err(Reason::Timestamp { timestamp_ms });
    }
    let key = record.key.as_deref().and_then(key_id).filter(|id| *id != project.0);
    let event = complete(event, project, taken_at, &mut MissingInInbox { key, origin });
    Ok(ingest.ready(&event)?)
}

fn decode(record: &InboxRecord) -> Result<IncomingEvent, Problems> {
    if is_structured(record) {
        return decode_structured(&record.value);
    }
    let attributes = record.headers.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(ATTRIBUTE_PREFIX)?;
        Some(
            std::str::from_utf8(value)
                .map(|value| (name, value))
                .map_err(|_| Problem::of_member("", name, "UTF-8 text")),
        )
    });
    let attributes = attributes.collect::<Result<Vec<_>, _>>()?;
    if attributes.iter().any(|(name, _)| *name == "specversion") {
        decode_binary(&attributes, &record.value)
    } else {
        decode_structured(&record.value)
    }
}

/// Whether the value is the whole event. Its attributes may stand in headers as well then.
fn is_structured(record: &InboxRecord) -> bool {
    let is_content_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    let Some((_, value)) = record.headers.iter().find(|(name, _)| is_content_type(name)) else { return false };
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    media_type.eq_ignore_ascii_case(STRUCTURED_CONTENT_TYPE.as_bytes())
}

fn key_id(key: &[u8]) -> Option<Uuid> {
    parse_uuid(std::str::from_utf8(key).ok()?).ok()
}

/// What a record's key, place and bytes say: the same at every delivery.
struct MissingInInbox<'a> {
    /// The id that the key is. A producer that keys by tenant means no call by it.
    key: Option<Uuid>,
    origin: &'a Origin,
}

impl Missing for MissingInInbox<'_> {
    fn call_id(&mut self) -> CallId {
        CallId(self.key.unwrap_or_else(|| self.origin.derived("inbox-call")))
    }

    fn event_id(&mut self) -> Box<str> {
        self.origin.derived("inbox-event").to_string().into()
    }

    fn source(&mut self) -> Box<str> {
        SOURCE.into()
    }
}
