//! Reads partitions of a topic at positions of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{TopicPartitionList, TopicPartitionListElem};
use schemas::id::Partition;
use schemas::positions::Offset;

use super::connection::{Connection, refusal};
use super::message::record;
use super::same_topic::SameTopic;
use crate::log::{Bounds, LogReader, LogRecord, Position, ReadBatch, ReadLogError};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the broker may take to answer a reader that has heard of no broker.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long nothing must have come before a reader asks whether it is at the end.
const QUIET: Duration = Duration::from_secs(1);

pub(super) type Reading = BaseConsumer<Connection>;

pub(super) fn consumer(config: &ClientConfig) -> Result<Reading, ReadLogError> {
    BaseConsumer::from_config_and_context(config, Connection::default())
        .map_err(|error| ReadLogError::Unavailable { reason: refusal(error) })
}

/// What the partition holds now, of records that are committed.
pub(super) fn bounds(
    consumer: &Reading,
    topic: &str,
    partition: Partition,
    timeout: Duration,
) -> Result<Bounds, ReadLogError> {
    let unavailable = |reason| ReadLogError::Unavailable { reason };
    match consumer.fetch_watermarks(topic, as_kafka(partition), timeout) {
        Ok((low, high)) => match (Offset::try_from(low), Offset::try_from(high)) {
            (Ok(start), Ok(end)) => Ok(Bounds { start, end }),
            _ => Err(unavailable(format!("the broker does not know the bounds of partition {partition}"))),
        },
        Err(error) => Err(unavailable(consumer.context().explain(&error))),
    }
}

pub(super) fn as_kafka(partition: Partition) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

fn offset(offset: Offset) -> rdkafka::Offset {
    rdkafka::Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX))
}

fn check(partition: Partition, wanted: Offset, bounds: Bounds) -> Result<(), ReadLogError> {
    if wanted < bounds.start {
        return Err(ReadLogError::Gap { partition, wanted, start: bounds.start });
    }
    if wanted > bounds.end {
        return Err(ReadLogError::Ahead { partition, wanted, end: bounds.end });
    }
    Ok(())
}

pub(super) struct KafkaReader {
    consumer: Reading,
    /// Its questions don't wait, as those of the consumer do, until a fetch has been answered.
    asking: Reading,
    topic: String,
    next: BTreeMap<Partition, Offset>,
    /// Read, but too large for the last batch.
    held: Option<LogRecord>,
    same_topic: SameTopic,
    /// Read, but not known to be of the same topic.
    doubtful: Option<ReadBatch>,
    /// Happened after records that had to be handed out first.
    failed: Option<ReadLogError>,
    last_record: Instant,
    /// Partitions that were read to an end, which may be one of control records.
    ended: BTreeSet<Partition>,
    /// Read once more from where they were: when they end again without a record, there is none before this offset.
    confirming: BTreeMap<Partition, Offset>,
}

impl KafkaReader {
    pub(super) fn new(
        config: &ClientConfig,
        topic: String,
        from: &BTreeMap<Partition, Offset>,
    ) -> Result<Self, ReadLogError> {
        let (consumer, asking) = (consumer(config)?, consumer(config)?);
        let mut assignment = TopicPartitionList::with_capacity(from.len());
        let unavailable = |error: KafkaError| ReadLogError::Unavailable { reason: error.to_string() };
        for (partition, wanted) in from {
            let bounds = bounds(&consumer, &topic, *partition, ANSWER_TIMEOUT)?;
            check(*partition, *wanted, bounds)?;
            // With the record before it the topic is known from the start.
            let from = wanted.saturating_sub(1).max(bounds.start);
            assignment.add_partition_offset(&topic, as_kafka(*partition), offset(from)).map_err(unavailable)?;
        }
        consumer.assign(&assignment).map_err(unavailable)?;
        Ok(Self {
            consumer,
            asking,
            topic,
            next: from.clone(),
            held: None,
            same_topic: SameTopic::new(),
            doubtful: None,
            failed: None,
            last_record: Instant::now(),
            ended: BTreeSet::new(),
            confirming: BTreeMap::new(),
        })
    }

    fn take(&mut self, batch: &mut ReadBatch, record: LogRecord) {
        let Position { partition, offset } = record.position;
        self.next.insert(partition, offset + 1);
        batch.next.insert(partition, offset + 1);
        batch.records.push(record);
    }

    fn on_end(&mut self, batch: &mut ReadBatch, partition: Partition) {
        let Some(end) = self.confirming.remove(&partition) else {
            self.ended.insert(partition);
            return;
        };
        let next = self.next.entry(partition).or_default();
        if *next < end {
            *next = end;
            batch.next.insert(partition, end);
        }
    }

    /// What an error of the consumer means; none when librdkafka copes by itself.
    fn failure(&self, error: &KafkaError) -> Option<ReadLogError> {
        use RDKafkaErrorCode as Code;
        let reason = self.consumer.context().explain(error);
        match error.rdkafka_error_code()? {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => Some(self.out_of_range(reason)),
            Code::BadMessage | Code::BadCompression | Code::NotImplemented => Some(ReadLogError::Damaged { reason }),
            Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed => Some(ReadLogError::Unavailable { reason }),
            _ => None,
        }
    }

    /// Which of the partitions does not have the position that is wanted.
    fn out_of_range(&self, reason: String) -> ReadLogError {
        for (partition, next) in &self.next {
            let checked = bounds(&self.consumer, &self.topic, *partition, PROBE_TIMEOUT)
                .and_then(|bounds| check(*partition, *next, bounds));
            if let Err(error) = checked {
                return error;
            }
        }
        ReadLogError::Unavailable { reason }
    }

    /// After a silence: is the broker there, and do control records stand between us and the end?
    fn ask(&mut self) -> Result<(), ReadLogError> {
        let Some(partition) = self.ended.first().or(self.next.keys().next()).copied() else { return Ok(()) };
        let is_down = self.consumer.context().is_down();
        if !is_down && (self.ended.is_empty() || self.last_record.elapsed() < QUIET) {
            return Ok(());
        }
        let bounds = bounds(&self.consumer, &self.topic, partition, PROBE_TIMEOUT)?;
        self.consumer.context().set_down(false);
        let next = self.next.get(&partition).copied().unwrap_or_default();
        check(partition, next, bounds)?;
        if self.ended.remove(&partition) && next < bounds.end {
            self.consumer
                .seek(&self.topic, as_kafka(partition), offset(next), PROBE_TIMEOUT)
                .map_err(|error| ReadLogError::Unavailable { reason: error.to_string() })?;
            self.confirming.insert(partition, bounds.end);
        }
        Ok(())
    }

    /// Polls until there is a batch or `wait` has passed.
    fn collect(&mut self, max_bytes: usize, wait: Duration) -> Result<ReadBatch, ReadLogError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let deadline = Instant::now() + wait;
        let mut batch = ReadBatch::default();
        let mut bytes = 0_usize;
        if let Some(record) = self.held.take() {
            bytes += size(&record);
            self.take(&mut batch, record);
        }
        loop {
            let timeout = if batch.records.is_empty() {
                deadline.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            let polled = self.consumer.poll(timeout).map(|message| message.map(|message| record(&message)));
            match polled {
                Some(Ok(record)) => {
                    let partition = record.position.partition;
                    // What is before the start, or what a seek left behind, which comes again.
                    if self.next.get(&partition).is_some_and(|next| record.position.offset < *next) {
                        self.same_topic.note(&record);
                        continue;
                    }
                    self.last_record = Instant::now();
                    self.consumer.context().set_down(false);
                    self.ended.remove(&partition);
                    self.confirming.remove(&partition);
                    bytes = bytes.saturating_add(size(&record));
                    if bytes > max_bytes && !batch.records.is_empty() {
                        self.held = Some(record);
                        break;
                    }
                    self.take(&mut batch, record);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    if let Ok(partition) = Partition::try_from(partition) {
                        self.on_end(&mut batch, partition);
                    }
                }
                // The consumer connects again by itself; after a silence the broker is asked.
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) => {
                    self.consumer.context().set_down(true);
                }
                Some(Err(error)) => match self.failure(&error) {
                    Some(failure) if batch.records.is_empty() => return Err(failure),
                    Some(failure) => {
                        self.failed = Some(failure);
                        break;
                    }
                    None => tracing::debug!(error = %error, "the consumer goes on after an error"),
                },
                None if !batch.next.is_empty() || Instant::now() >= deadline => break,
                None => {}
            }
        }
        if batch.next.is_empty() {
            self.ask()?;
        }
        Ok(batch)
    }
}

impl LogReader for KafkaReader {
    fn read(&mut self, max_bytes: usize, wait: Duration) -> Result<ReadBatch, ReadLogError> {
        let batch = match self.doubtful.take() {
            Some(batch) => batch,
            None => self.collect(max_bytes, wait)?,
        };
        if batch.next.is_empty() {
            return Ok(batch);
        }
        let reason = match self.same_topic.ask(&self.asking, &self.topic) {
            Ok(true) => {
                batch.records.iter().for_each(|record| self.same_topic.note(record));
                return Ok(batch);
            }
            Ok(false) => format!("the topic {} may have been made again", self.topic),
            Err(error) => self.asking.context().explain(&error),
        };
        self.doubtful = Some(batch);
        Err(ReadLogError::Unavailable { reason })
    }

    fn ends(&mut self) -> Result<BTreeMap<Partition, Offset>, ReadLogError> {
        let unavailable =
            |error: KafkaError| ReadLogError::Unavailable { reason: self.asking.context().explain(&error) };
        let mut wanted = self.consumer.assignment().map_err(unavailable)?;
        // As a time, the end is the latest there is: one question to each broker for all its partitions.
        wanted.set_all_offsets(rdkafka::Offset::End).map_err(unavailable)?;
        let found = self.asking.offsets_for_times(wanted, PROBE_TIMEOUT).map_err(unavailable)?;
        let end = |element: TopicPartitionListElem<'_>| {
            element.error().map_err(unavailable)?;
            match (Partition::try_from(element.partition()), element.offset()) {
                (Ok(partition), rdkafka::Offset::Offset(end)) => {
                    Ok((partition, Offset::try_from(end).unwrap_or_default()))
                }
                (_, offset) => {
                    let reason = format!("the broker says {offset:?} for the end of partition {}", element.partition());
                    Err(ReadLogError::Unavailable { reason })
                }
            }
        };
        found.elements().into_iter().map(end).collect()
    }
}

impl fmt::Debug for KafkaReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaReader").field("topic", &self.topic).field("next", &self.next).finish_non_exhaustive()
    }
}

fn size(record: &LogRecord) -> usize {
    record.key.len() + record.value.as_ref().map_or(0, Bytes::len)
}
