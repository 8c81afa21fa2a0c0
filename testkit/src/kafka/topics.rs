//! Topics of a Kafka, by a client that is not the product's.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::DateTime;
use rskafka::BackoffConfig;
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;

/// How long a question to the broker is asked again.
const PATIENCE: Duration = Duration::from_secs(10);
const FETCH_BYTES: i32 = 64 * 1024 * 1024;

/// A client of one Kafka.
#[derive(Debug)]
pub struct KafkaTopics(Client);

/// A record to send.
#[derive(Debug, Clone, Default)]
pub struct SentRecord {
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
    pub headers: BTreeMap<String, Vec<u8>>,
}

/// A record that was read.
#[derive(Debug, Clone)]
pub struct ReadRecord {
    pub offset: i64,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub headers: BTreeMap<String, Vec<u8>>,
}

impl KafkaTopics {
    pub async fn connect(bootstrap: &str) -> Result<Self> {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_millis(500),
            base: 2.0,
            deadline: Some(PATIENCE),
        };
        let client = ClientBuilder::new(vec![bootstrap.to_owned()]).backoff_config(backoff).build();
        Ok(Self(client.await.with_context(|| format!("no Kafka at {bootstrap}"))?))
    }

    async fn partition(&self, topic: &str, partition: i32) -> Result<PartitionClient> {
        Ok(self.0.partition_client(topic, partition, UnknownTopicHandling::Retry).await?)
    }

    /// Sends records to a partition; their offsets. After an error they may be there or not, or twice.
    pub async fn send(&self, topic: &str, partition: i32, records: Vec<SentRecord>) -> Result<Vec<i64>> {
        let records = records.into_iter().map(|SentRecord { key, value, headers }| Record {
            key,
            value: Some(value),
            headers,
            timestamp: DateTime::UNIX_EPOCH,
        });
        let client = self.partition(topic, partition).await?;
        Ok(client.produce(records.collect(), Compression::NoCompression).await?)
    }

    /// All records of a partition.
    pub async fn read(&self, topic: &str, partition: i32) -> Result<Vec<ReadRecord>> {
        let client = self.partition(topic, partition).await?;
        let end = client.get_offset(OffsetAt::Latest).await?;
        let mut next = client.get_offset(OffsetAt::Earliest).await?;
        let mut all = Vec::new();
        while next < end {
            let (records, _) = client.fetch_records(next, 1..FETCH_BYTES, 500).await?;
            for found in records {
                next = found.offset + 1;
                let Record { key, value, headers, .. } = found.record;
                let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
                all.push(ReadRecord { offset: found.offset, key, value, headers });
            }
        }
        Ok(all)
    }

    /// The offset after the last record of every partition of every topic whose name begins with this.
    pub async fn ends(&self, prefix: &str) -> Result<BTreeMap<(String, i32), i64>> {
        let mut ends = BTreeMap::new();
        for topic in self.0.list_topics().await? {
            if topic.name.starts_with(prefix) {
                for partition in &topic.partitions {
                    let client = self.partition(&topic.name, *partition).await?;
                    ends.insert((topic.name.clone(), *partition), client.get_offset(OffsetAt::Latest).await?);
                }
            }
        }
        Ok(ends)
    }

    /// Deletes the records of a partition before this offset.
    pub async fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let timeout = i32::try_from(PATIENCE.as_millis()).unwrap_or(i32::MAX);
        Ok(self.partition(topic, partition).await?.delete_records(offset, timeout).await?)
    }

    pub async fn delete(&self, topic: &str) -> Result<()> {
        let timeout = i32::try_from(PATIENCE.as_millis()).unwrap_or(i32::MAX);
        Ok(self.0.controller_client()?.delete_topic(topic, timeout).await?)
    }
}
