//! The one pipeline behind every door: events are checked and completed, appended, and then acknowledged.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use event_log::{AppendError, EventLog, NewRecord, Position, Topic};
use schemas::event::{CallEvent, CallEventType, STRUCTURED_CONTENT_TYPE};
use schemas::id::{CallKey, LogId, home_partition};
use schemas::limits::EVENT_BYTES;
use schemas::positions::Positions;
use schemas::reference::ReferenceRecord;
use schemas::time::{Clock, Timestamp};

use crate::admission::{Admission, Held};
use crate::limits::IngestLimits;

/// What a record has besides its value.
const KEY_AND_HEADERS_BYTES: usize = 256;

/// Appends call events to the log, once they are valid and complete.
#[derive(Debug)]
pub struct Ingest {
    log: Arc<dyn EventLog>,
    log_id: LogId,
    clock: Clock,
    limits: IngestLimits,
    partitions: NonZeroU32,
    admission: Admission,
}

/// Says that an event is durable, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub key: CallKey,
    pub event_id: Box<str>,
    pub position: Position,
}

/// A complete event as the record that the log will have.
#[derive(Debug, Clone)]
pub(crate) struct ReadyEvent {
    pub(crate) key: CallKey,
    event_id: Box<str>,
    event_type: CallEventType,
    record: NewRecord,
}

/// The event is larger than the log takes, as received or once completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event has {bytes} bytes; the greatest size is {bytes_max}")]
pub struct EventTooLarge {
    pub bytes: usize,
    pub bytes_max: usize,
}

impl ReadyEvent {
    /// Size of the record's value.
    pub(crate) fn bytes(&self) -> usize {
        self.record.value.as_ref().map_or(0, Bytes::len)
    }
}

impl Ingest {
    pub fn new(log: Arc<dyn EventLog>, log_id: LogId, clock: Clock, limits: IngestLimits) -> Arc<Self> {
        let partitions = NonZeroU32::new(log.partitions(Topic::Calls)).unwrap_or(NonZeroU32::MIN);
        Arc::new(Self { admission: Admission::new(&limits), log, log_id, clock, limits, partitions })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn log(&self) -> &dyn EventLog {
        &*self.log
    }

    pub(crate) fn log_id(&self) -> LogId {
        self.log_id
    }

    pub(crate) fn limits(&self) -> &IngestLimits {
        &self.limits
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Refuses an event of a size that the log does not take.
    pub(crate) fn check_size(&self, bytes: usize) -> Result<(), EventTooLarge> {
        self.check_size_for(Topic::Calls, bytes)
    }

    /// The same for a record of the reference data.
    pub(crate) fn check_reference_size(&self, record: &ReferenceRecord) -> Result<(), EventTooLarge> {
        self.check_size_for(Topic::Reference, record.encode().map_or(0, |value| value.len()))
    }

    fn check_size_for(&self, topic: Topic, bytes: usize) -> Result<(), EventTooLarge> {
        let bytes_max = EVENT_BYTES.min(self.log.record_bytes_max(topic).saturating_sub(KEY_AND_HEADERS_BYTES));
        if bytes > bytes_max { Err(EventTooLarge { bytes, bytes_max }) } else { Ok(()) }
    }

    /// The record of a complete event, for its home partition.
    pub(crate) fn ready(&self, event: &CallEvent) -> Result<ReadyEvent, EventTooLarge> {
        let value = event.encode();
        self.check_size(value.len())?;
        Ok(ReadyEvent {
            key: event.key,
            event_id: event.id.clone(),
            event_type: event.event_type,
            record: NewRecord {
                partition: home_partition(event.key.call, self.partitions),
                key: Bytes::from(event.key.call.to_string()),
                value: Some(Bytes::from(value)),
                headers: vec![("content-type".to_owned(), Bytes::from_static(STRUCTURED_CONTENT_TYPE.as_bytes()))],
            },
        })
    }

    /// Appends events; their receipts, in the same order, once all are durable. The bytes stay in flight as long
    /// as the log holds them, even when nobody waits for the answer any more.
    pub(crate) async fn append(
        &self,
        events: Vec<ReadyEvent>,
        held: Option<Held>,
    ) -> Result<Vec<Receipt>, AppendError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let start = Instant::now();
        let mut receipts = Vec::with_capacity(events.len());
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            receipts.push((event.key, event.event_id, event.event_type));
            records.push(event.record);
        }
        let log = self.log.clone();
        let appending = tokio::spawn(async move {
            let appended = log.append(Topic::Calls, records).await;
            drop(held);
            appended
        });
        let positions = match tokio::time::timeout(self.limits.append_timeout, appending).await {
            Ok(Ok(appended)) => appended?,
            Ok(Err(_)) => return Err(AppendError::Unknown { reason: "the append did not end".to_owned() }),
            Err(_) => return Err(AppendError::Unknown { reason: "the log took too long".to_owned() }),
        };
        metrics::histogram!("llm_log_ingest_append_seconds").record(start.elapsed());
        if positions.len() != receipts.len() {
            return Err(AppendError::Unknown { reason: "the log did not say where every record is".to_owned() });
        }
        let receipts = receipts.into_iter().zip(positions);
        Ok(receipts
            .map(|((key, event_id, event_type), position)| {
                metrics::counter!("llm_log_ingest_events_total", "type" => event_type.name()).increment(1);
                Receipt { key, event_id, position }
            })
            .collect())
    }

    /// Where a reader has to be to see all of these.
    pub fn positions(&self, receipts: &[Receipt]) -> Positions {
        let mut partitions = BTreeMap::new();
        for Receipt { position, .. } in receipts {
            let next = partitions.entry(position.partition).or_insert(0);
            *next = (*next).max(position.offset + 1);
        }
        Positions { log: self.log_id, partitions, reference: None }
    }
}
