//! What a log on Kafka is told.

use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use schemas::limits::{MESSAGE_BYTES, PARTITIONS};

use crate::log::Topic;

/// Greatest size of what the producer sends at once, if a single record is not larger.
const BATCH_BYTES: usize = 1_000_000;

/// Where the broker is and what the topics look like.
#[derive(Clone)]
pub struct KafkaOptions {
    /// Addresses of brokers, `host:port`, comma separated.
    pub bootstrap: String,
    /// What the names of the topics begin with.
    pub topic_prefix: String,
    /// Partitions of the calls and of the inbox when they are made. Existing topics keep theirs.
    pub partitions: u32,
    /// Settings of librdkafka, such as those of SASL and TLS.
    pub properties: Vec<(String, String)>,
    /// Replicas of topics that are made: the lesser of 3 and the brokers when not given.
    pub replication: Option<i32>,
    /// How long a new inbox keeps what was sent to it.
    pub inbox_retention: Duration,
    /// Settings of topics that are made, over our own: topic without its prefix, setting, value.
    pub topic_settings: Vec<(String, String, String)>,
    /// How long an append may wait for the broker.
    pub delivery_timeout: Duration,
    /// How long to wait for the broker at start; for ever when not given.
    pub startup_timeout: Option<Duration>,
}

impl KafkaOptions {
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            topic_prefix: "llm-log".into(),
            partitions: PARTITIONS,
            properties: Vec::new(),
            replication: None,
            inbox_retention: Duration::from_hours(7 * 24),
            topic_settings: Vec::new(),
            delivery_timeout: Duration::from_secs(30),
            startup_timeout: None,
        }
    }

    pub(super) fn topic(&self, topic: Topic) -> String {
        let name = match topic {
            Topic::Calls => "calls",
            Topic::Reference => "reference",
            Topic::DeadLetters => "dead-letters",
        };
        format!("{}.{name}", self.topic_prefix)
    }

    pub(super) fn inbox(&self) -> String {
        format!("{}.inbox", self.topic_prefix)
    }

    /// A client's settings: our own, the operator's over them, and over these what must hold.
    fn client(&self, own: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "llm-log").set("reconnect.backoff.max.ms", "1000");
        // What is said goes to the client's context, which keeps why connections fail.
        config.set_log_level(RDKafkaLogLevel::Warning);
        for (name, value) in own {
            config.set(*name, *value);
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        for (name, value) in fixed {
            config.set(*name, *value);
        }
        config
    }

    pub(super) fn admin(&self) -> ClientConfig {
        self.client(&[], &[])
    }

    /// A producer for topics that take messages of this size or more.
    pub(super) fn producer(&self, message_bytes: usize) -> ClientConfig {
        let timeout = self.delivery_timeout.as_millis().to_string();
        let (message, batch) = (MESSAGE_BYTES.to_string(), message_bytes.min(BATCH_BYTES).to_string());
        self.client(
            &[
                ("compression.type", "zstd"),
                ("linger.ms", "5"),
                ("batch.size", &batch),
                ("queue.buffering.max.kbytes", "131072"),
                ("message.max.bytes", &message),
                ("delivery.timeout.ms", &timeout),
            ],
            &[("enable.idempotence", "true"), ("acks", "all")],
        )
    }

    /// A consumer that reads at positions of its own. The group is one in name only: nothing is committed to it.
    pub(super) fn reader(&self) -> ClientConfig {
        let group = format!("{}.reader", self.topic_prefix);
        let mut config = self.client(
            &[
                ("check.crcs", "true"),
                ("fetch.wait.max.ms", "500"),
                ("fetch.message.max.bytes", "4194304"),
                ("fetch.queue.backoff.ms", "20"),
                ("queued.max.messages.kbytes", "65536"),
            ],
            &[
                ("group.id", &group),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "error"),
                ("isolation.level", "read_committed"),
                ("enable.partition.eof", "true"),
            ],
        );
        // Whoever is asked where a partition ends, its leader, has to be the one that is read: a follower in the same
        // rack may end earlier, and what comes after that would be passed over.
        config.remove("client.rack");
        config
    }

    /// A member of a group that reads the inbox.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        self.client(
            &[
                ("check.crcs", "true"),
                ("fetch.queue.backoff.ms", "20"),
                ("queued.max.messages.kbytes", "32768"),
                ("session.timeout.ms", "10000"),
                ("partition.assignment.strategy", "cooperative-sticky"),
                // A batch is inflated up to this size and no further.
                ("receive.message.max.bytes", "536870912"),
            ],
            &[
                ("group.id", group),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "earliest"),
                ("isolation.level", "read_committed"),
                // The end of a partition that has nothing shows that it may be read.
                ("enable.partition.eof", "true"),
            ],
        )
    }
}

impl fmt::Debug for KafkaOptions {
    /// Without the values of the properties: passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: Vec<&str> = self.properties.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("KafkaOptions")
            .field("bootstrap", &self.bootstrap)
            .field("topic_prefix", &self.topic_prefix)
            .field("partitions", &self.partitions)
            .field("properties", &properties)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rack_is_for_the_inbox_and_never_for_the_log() {
        let rack = ("client.rack".to_owned(), "a".to_owned());
        let options = KafkaOptions { properties: vec![rack], ..KafkaOptions::new("localhost:9092") };
        assert_eq!(options.reader().get("client.rack"), None);
        assert_eq!(options.member("inbox").get("client.rack"), Some("a"));
    }
}
