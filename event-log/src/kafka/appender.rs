//! Appends to topics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};
use schemas::id::Partition;

use super::connection::Connection;
use crate::log::{AppendError, NewRecord, Position, check_sizes};

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

    pub(super) async fn append(&self, topic: &str, records: &[NewRecord]) -> Result<Vec<Position>, AppendError> {
        check_sizes(records)?;
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

fn send(producer: &FutureProducer<Connection>, topic: &str, record: &NewRecord) -> Result<DeliveryFuture, KafkaError> {
    let partition = i32::try_from(record.partition).unwrap_or(i32::MAX);
    let mut message = FutureRecord::<[u8], [u8]>::to(topic).partition(partition).key(&record.key);
    if let Some(value) = &record.value {
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
