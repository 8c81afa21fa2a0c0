//! Appends to topics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};
use schemas::id::Partition;
use schemas::limits::MESSAGE_BYTES;

use super::connection::Connection;
use crate::log::{AppendError, NewRecord, Position};

/// A record on its way to a topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'a> {
    /// Chosen by the key, or by chance, when absent.
    pub(super) partition: Option<Partition>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: &'a [(String, Bytes)],
}

impl<'a> From<&'a NewRecord> for Outgoing<'a> {
    fn from(record: &'a NewRecord) -> Self {
        Self {
            partition: Some(record.partition),
            key: Some(&record.key),
            value: record.value.as_deref(),
            headers: &record.headers,
        }
    }
}

pub(super) struct Appender {
    config: ClientConfig,
    connection: Connection,
    producer: Mutex<Arc<FutureProducer<Connection>>>,
}

impl Appender {
    pub(super) fn new(config: ClientConfig) -> Result<Self, KafkaError> {
        let connection = Connection::default();
        let producer = Mutex::new(Arc::new(create(&config, &connection)?));
        Ok(Self { config, connection, producer })
    }

    /// The producer; a new one when the last has met an error that it can't leave.
    fn producer(&self) -> Result<Arc<FutureProducer<Connection>>, KafkaError> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, reason)) = producer.client().fatal_error() {
            tracing::warn!(error = reason, "the producer failed for good; going on with a new one");
            *producer = Arc::new(create(&self.config, &self.connection)?);
        }
        Ok(Arc::clone(&producer))
    }

    /// Size of the greatest message that the producer sends.
    pub(super) fn message_bytes_max(&self) -> usize {
        self.config.get("message.max.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(MESSAGE_BYTES)
    }

    pub(super) async fn append<'a>(
        &self,
        topic: &str,
        records: impl ExactSizeIterator<Item = Outgoing<'a>>,
    ) -> Result<Vec<Position>, AppendError> {
        let producer = self.producer().map_err(|error| AppendError::Refused { reason: error.to_string() })?;
        let mut waiting = VecDeque::with_capacity(records.len());
        let mut positions = Vec::with_capacity(records.len());
        for record in records {
            while let Err(error) = send(&producer, topic, record).map(|delivery| waiting.push_back(delivery)) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    let reason = self.connection.explain(&error);
                    return Err(if positions.is_empty() && waiting.is_empty() {
                        AppendError::Refused { reason }
                    } else {
                        AppendError::Unknown { reason }
                    });
                }
                match waiting.pop_front() {
                    Some(delivery) => positions.push(self.delivered(delivery).await?),
                    // The queue is full of what others append.
                    None => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                }
            }
        }
        for delivery in waiting {
            positions.push(self.delivered(delivery).await?);
        }
        Ok(positions)
    }

    /// A record that was handed over may be on the broker even when no acknowledgement came.
    async fn delivered(&self, delivery: DeliveryFuture) -> Result<Position, AppendError> {
        let unknown = |reason: String| AppendError::Unknown { reason };
        let delivery = delivery.await.map_err(|_| unknown("the producer was closed".into()))?;
        let delivery = delivery.map_err(|(error, _)| unknown(self.connection.explain(&error)))?;
        match (Partition::try_from(delivery.partition), u64::try_from(delivery.offset)) {
            (Ok(partition), Ok(offset)) => Ok(Position { partition, offset }),
            _ => Err(unknown("the broker acknowledged a record without its position".into())),
        }
    }
}

fn create(config: &ClientConfig, connection: &Connection) -> Result<FutureProducer<Connection>, KafkaError> {
    FutureProducer::from_config_and_context(config, connection.clone())
}

fn send(
    producer: &FutureProducer<Connection>,
    topic: &str,
    record: Outgoing<'_>,
) -> Result<DeliveryFuture, KafkaError> {
    let mut message = FutureRecord::<[u8], [u8]>::to(topic);
    if let Some(partition) = record.partition {
        message = message.partition(i32::try_from(partition).unwrap_or(i32::MAX));
    }
    if let Some(key) = record.key {
        message = message.key(key);
    }
    if let Some(value) = record.value {
        message = message.payload(value);
    }
    if !record.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        message = message.headers(
            record
                .headers
                .iter()
                .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value.as_ref()) })),
        );
    }
    producer.send_result(message).map_err(|(error, _)| error)
}
