//! The log on Apache Kafka: topics of its own on anybody's cluster.

mod appender;
mod connection;
mod inbox;
mod message;
mod options;
mod reader;
mod same_topic;
mod topics;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::admin::AdminClient;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use schemas::id::Partition;
use schemas::limits::MESSAGE_BYTES;
use schemas::positions::Offset;

use crate::log::{
    AppendError, Bounds, EventLog, LogReader, NewRecord, Position, ReadLogError, Topic, check_sizes, record_bytes_max,
};
use appender::{Appender, Outgoing};
use connection::{Connection, may_pass, refusal};
pub use inbox::{InboxError, InboxItem, InboxRecord, KafkaInbox, UnreadableRecord};
pub use options::KafkaOptions;
use reader::{KafkaReader, Reading};
pub use topics::TopicError;
use topics::{Cluster, MessageBytes};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before the broker is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How long to wait for the reason of a failure.
const REPORT: Duration = Duration::from_millis(100);
/// How long new topics may take to get their leaders.
const TOPICS_APPEAR: Duration = Duration::from_secs(30);

/// Why a log on Kafka can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenKafkaError {
    #[error("the settings for Kafka are not valid: {reason}")]
    Settings { reason: String },
    #[error("Kafka does not answer at {bootstrap}: {reason}")]
    Unreachable { bootstrap: String, reason: String },
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error("the reading of the cluster was cut off")]
    Cancelled,
}

/// A log on Kafka.
pub struct KafkaLog {
    options: KafkaOptions,
    partitions: u32,
    message_bytes: MessageBytes,
    appender: Appender,
    reading: Arc<Reading>,
    reader: ClientConfig,
}

impl KafkaLog {
    /// Waits for the broker, makes the topics that are missing and checks those that are there.
    pub async fn open(options: KafkaOptions) -> Result<Self, OpenKafkaError> {
        Self::open_telling(options, |_| {}).await
    }

    /// The same, and tells at each attempt that failed what is waited for.
    pub async fn open_telling(
        options: KafkaOptions,
        mut tell: impl FnMut(&OpenKafkaError),
    ) -> Result<Self, OpenKafkaError> {
        let admin = AdminClient::from_config_and_context(&options.admin(), Connection::default()).map_err(unusable)?;
        let reader = options.reader();
        let reading = rdkafka::consumer::BaseConsumer::from_config_and_context(&reader, Connection::default())
            .map_err(unusable)?;
        let reading = Arc::new(reading);
        let started = Instant::now();
        let mut told = false;
        let (cluster, message_bytes) = loop {
            let reason = match open_topics(&admin, &reading, &options).await {
                Ok(opened) => break opened,
                Err(OpenKafkaError::Topic(TopicError::Broker(error))) if may_pass(&error) => {
                    admin.inner().context().explain(&error)
                }
                Err(OpenKafkaError::Unreachable { reason, .. }) => reason,
                Err(error) => return Err(error),
            };
            if !std::mem::replace(&mut told, true) {
                let bootstrap = &options.bootstrap;
                tracing::warn!(kafka.bootstrap = bootstrap, error = reason, "Kafka does not answer; trying again");
            }
            let unreachable = OpenKafkaError::Unreachable { bootstrap: options.bootstrap.clone(), reason };
            if options.startup_timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
                return Err(unreachable);
            }
            tell(&unreachable);
            tokio::time::sleep(RETRY).await;
        };
        if told {
            tracing::info!(kafka.bootstrap = options.bootstrap, "Kafka answers");
        }
        let smallest = message_bytes.values().min().copied().unwrap_or(MESSAGE_BYTES);
        let appender = Appender::new(options.producer(smallest)).map_err(unusable)?;
        let calls = cluster.topics.get(&options.topic(Topic::Calls)).map_or(0, |(partitions, _)| *partitions);
        let partitions = u32::try_from(calls).unwrap_or(u32::MAX);
        Ok(Self { options, partitions, message_bytes, appender, reading, reader })
    }
}

/// A record for the inbox, as any producer sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxDraft {
    pub key: Option<Bytes>,
    pub value: Bytes,
    pub headers: Vec<(String, Bytes)>,
}

impl KafkaLog {
    /// Sends a record to the inbox; where it is, once the broker has it.
    pub async fn send_to_inbox(&self, draft: &InboxDraft) -> Result<Position, AppendError> {
        let InboxDraft { key, value, headers } = draft;
        let record = Outgoing { partition: None, key: key.as_deref(), value: Some(value), headers };
        let sent = self.appender.append(&self.options.inbox(), std::iter::once(record)).await?;
        sent.into_iter().next().ok_or_else(|| AppendError::Unknown { reason: "the broker named no position".into() })
    }
}

fn unusable(error: KafkaError) -> OpenKafkaError {
    OpenKafkaError::Settings { reason: refusal(error) }
}

async fn examine(reading: &Arc<Reading>, bootstrap: &str) -> Result<Cluster, OpenKafkaError> {
    let asked = Arc::clone(reading);
    let examined = tokio::task::spawn_blocking(move || {
        let fetched = asked.fetch_metadata(None, ANSWER_TIMEOUT).map(|metadata| Cluster::of(&metadata));
        // Serves what librdkafka reports meanwhile. Why it could not connect comes a moment after the failure.
        let mut wait = if fetched.is_err() { REPORT } else { Duration::ZERO };
        while asked.poll(wait).is_some() {
            wait = Duration::ZERO;
        }
        fetched
    });
    examined.await.map_err(|_| OpenKafkaError::Cancelled)?.map_err(|error| OpenKafkaError::Unreachable {
        bootstrap: bootstrap.to_owned(),
        reason: reading.context().explain(&error),
    })
}

async fn open_topics(
    admin: &AdminClient<Connection>,
    reading: &Arc<Reading>,
    options: &KafkaOptions,
) -> Result<(Cluster, MessageBytes), OpenKafkaError> {
    let mut cluster = examine(reading, &options.bootstrap).await?;
    if topics::make_missing(admin, options, &cluster).await? {
        let names = topics::names(options);
        let deadline = Instant::now() + TOPICS_APPEAR;
        while let Some(topic) = names.iter().find(|name| !cluster.topics.contains_key(*name)) {
            if Instant::now() >= deadline {
                let reason = "it has no leader".into();
                return Err(TopicError::NotMade { topic: topic.clone(), reason }.into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            cluster = examine(reading, &options.bootstrap).await?;
        }
    }
    let message_bytes = topics::check(admin, options, &cluster).await?;
    Ok((cluster, message_bytes))
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    fn partitions(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Calls => self.partitions,
            Topic::Reference | Topic::DeadLetters => 1,
        }
    }

    fn record_bytes_max(&self, topic: Topic) -> usize {
        let of_topic = self.message_bytes.get(&topic).copied().unwrap_or(MESSAGE_BYTES);
        record_bytes_max(of_topic.min(self.appender.message_bytes_max()))
    }

    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        let partitions = self.partitions(topic);
        if let Some(record) = records.iter().find(|record| record.partition >= partitions) {
            let reason = format!("there is no partition {} of {partitions}", record.partition);
            return Err(AppendError::Refused { reason });
        }
        check_sizes(&records, self.record_bytes_max(topic))?;
        self.appender.append(&self.options.topic(topic), records.iter().map(Outgoing::from)).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
        let (reading, topic) = (Arc::clone(&self.reading), self.options.topic(topic));
        let asked = tokio::task::spawn_blocking(move || {
            // Serves what librdkafka reports meanwhile.
            while reading.poll(Duration::ZERO).is_some() {}
            reader::bounds(&reading, &topic, partition, ANSWER_TIMEOUT)
        });
        asked.await.map_err(|_| ReadLogError::Unavailable { reason: "the question was cut off".into() })?
    }

    fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
        Ok(Box::new(KafkaReader::new(&self.reader, self.options.topic(topic), from)?))
    }
}
