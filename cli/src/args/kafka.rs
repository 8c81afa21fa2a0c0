//! The log on Kafka.

use std::net::Ipv6Addr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use event_log::KafkaOptions;
use schemas::limits::{PARTITIONS, PARTITIONS_MAX};

use super::span::parse_span;

#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub(crate) struct KafkaArgs {
    /// Brokers that hold the log, such as kafka-1:9092,kafka-2:9092
    #[arg(long, value_name = "BOOTSTRAP", env = "LLM_LOG_KAFKA", value_parser = parse_bootstrap)]
    pub(crate) kafka: Option<String>,
    #[command(flatten)]
    pub(crate) settings: KafkaSettings,
}

/// The same for what can't do without Kafka.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub(crate) struct BrokerArgs {
    /// Brokers that hold the log, such as kafka-1:9092,kafka-2:9092
    #[arg(long, value_name = "BOOTSTRAP", env = "LLM_LOG_KAFKA", value_parser = parse_bootstrap)]
    pub(crate) kafka: String,
    #[command(flatten)]
    pub(crate) settings: KafkaSettings,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub(crate) struct KafkaSettings {
    /// First part of the topics' names
    #[arg(long, value_name = "PREFIX", env = "LLM_LOG_TOPIC_PREFIX", default_value = "llm-log")]
    topic_prefix: String,
    /// Partitions of a new log; an existing one keeps its own
    #[arg(long, value_name = "N", env = "LLM_LOG_LOG_PARTITIONS", default_value_t = PARTITIONS,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(PARTITIONS_MAX)))]
    pub(crate) log_partitions: u32,
    /// Replicas of new topics; 3 when absent, or as many as there are brokers
    #[arg(long, value_name = "N", env = "LLM_LOG_REPLICATION",
        value_parser = clap::value_parser!(i32).range(1..=100))]
    replication: Option<i32>,
    /// How long a new inbox topic keeps what was published to it
    #[arg(long, value_name = "TIME", env = "LLM_LOG_INBOX_RETENTION", default_value = "7d", value_parser = parse_span)]
    inbox_retention: Duration,
    /// Setting of new topics, such as calls:segment.bytes=1073741824; may be given many times. The variable holds one
    /// a line
    #[arg(long = "topic-setting", value_name = "TOPIC:NAME=VALUE", env = "LLM_LOG_TOPIC_SETTING")]
    topic_settings: Vec<TopicSettings>,
    /// Property for librdkafka, such as security.protocol=SASL_SSL; may be given many times. The variable holds one:
    /// several belong in the file
    #[arg(long = "kafka-property", value_name = "NAME=VALUE", env = "LLM_LOG_KAFKA_PROPERTY", hide_env_values = true)]
    kafka_properties: Vec<KafkaProperty>,
    /// File of such properties, one NAME=VALUE a line, # for remarks; passwords belong there
    #[arg(long, value_name = "FILE", env = "LLM_LOG_KAFKA_PROPERTIES_FILE")]
    kafka_properties_file: Option<PathBuf>,
}

/// A property of librdkafka. The value may be a password and is never shown.
#[derive(Clone, PartialEq, Eq)]
struct KafkaProperty {
    name: String,
    value: String,
}

impl std::fmt::Debug for KafkaProperty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

/// The text is not `NAME=VALUE`.
#[derive(Debug, thiserror::Error)]
#[error("expected NAME=VALUE")]
struct NotAProperty;

impl FromStr for KafkaProperty {
    type Err = NotAProperty;

    fn from_str(text: &str) -> Result<Self, NotAProperty> {
        let (name, value) = text.split_once('=').ok_or(NotAProperty)?;
        if name.trim().is_empty() {
            return Err(NotAProperty);
        }
        Ok(Self { name: name.trim().to_owned(), value: value.trim().to_owned() })
    }
}

/// The text names no brokers.
#[derive(Debug, thiserror::Error)]
#[error("expected host:port of one broker or more, with commas between, such as kafka-1:9092,kafka-2:9092")]
pub(crate) struct NotBrokers;

/// Reads the brokers to begin with, as librdkafka takes them: each may have a protocol before its host.
pub(crate) fn parse_bootstrap(text: &str) -> Result<String, NotBrokers> {
    let is_broker = |broker: &str| {
        let address = broker.split_once("://").map_or(broker, |(_, address)| address);
        let Some((host, port)) = address.rsplit_once(':') else { return false };
        let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match name {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '/', '[', ']']) && !host.contains(char::is_whitespace),
        };
        is_host && port.parse::<NonZeroU16>().is_ok()
    };
    let brokers: Vec<&str> = text.split(',').map(str::trim).collect();
    if brokers.iter().all(|broker| is_broker(broker)) { Ok(brokers.join(",")) } else { Err(NotBrokers) }
}

/// A setting of a topic that is made, over our own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TopicSetting {
    topic: String,
    name: String,
    value: String,
}

/// The text is no setting of one of our topics.
#[derive(Debug, thiserror::Error)]
#[error("expected TOPIC:NAME=VALUE with a topic of {}", TOPICS.join(", "))]
struct NotATopicSetting;

/// Our topics, without their prefix.
const TOPICS: [&str; 4] = ["inbox", "calls", "reference", "dead-letters"];

impl FromStr for TopicSetting {
    type Err = NotATopicSetting;

    fn from_str(text: &str) -> Result<Self, NotATopicSetting> {
        let (topic, setting) = text.split_once(':').ok_or(NotATopicSetting)?;
        let (name, value) = setting.split_once('=').ok_or(NotATopicSetting)?;
        if !TOPICS.contains(&topic) || name.is_empty() {
            return Err(NotATopicSetting);
        }
        Ok(Self { topic: topic.to_owned(), name: name.to_owned(), value: value.to_owned() })
    }
}

/// One setting a line, as a variable can hold several.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TopicSettings(Vec<TopicSetting>);

impl FromStr for TopicSettings {
    type Err = NotATopicSetting;

    fn from_str(text: &str) -> Result<Self, NotATopicSetting> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let settings = lines.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if settings.is_empty() { Err(NotATopicSetting) } else { Ok(Self(settings)) }
    }
}

/// Why the file of properties can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PropertiesFileError {
    #[error("the file of Kafka properties {path:?} can't be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("line {line} of the file of Kafka properties {path:?} is not NAME=VALUE")]
    Line { path: PathBuf, line: usize },
}

impl KafkaSettings {
    /// How to open the log that these brokers hold.
    pub(crate) fn options(&self, bootstrap: &str) -> Result<KafkaOptions, PropertiesFileError> {
        Ok(KafkaOptions {
            topic_prefix: self.topic_prefix.clone(),
            partitions: self.log_partitions,
            properties: self.properties()?,
            replication: self.replication,
            inbox_retention: self.inbox_retention,
            topic_settings: self
                .topic_settings
                .iter()
                .flat_map(|TopicSettings(settings)| settings)
                .map(|setting| (setting.topic.clone(), setting.name.clone(), setting.value.clone()))
                .collect(),
            ..KafkaOptions::new(bootstrap)
        })
    }

    /// The properties of the file, then those of the command line, which win.
    fn properties(&self) -> Result<Vec<(String, String)>, PropertiesFileError> {
        let mut properties = Vec::new();
        if let Some(path) = &self.kafka_properties_file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| PropertiesFileError::Read { path: path.clone(), source })?;
            for (at, line) in text.lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let property =
                    line.parse().map_err(|_| PropertiesFileError::Line { path: path.clone(), line: at + 1 })?;
                properties.push(property);
            }
        }
        properties.extend(self.kafka_properties.iter().cloned());
        Ok(properties.into_iter().map(|property: KafkaProperty| (property.name, property.value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        settings: KafkaSettings,
    }

    fn settings(args: &[&str]) -> KafkaSettings {
        Only::try_parse_from(["test"].iter().chain(args)).expect("valid").settings
    }

    #[test]
    fn properties_of_the_command_line_come_after_those_of_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("client.properties");
        std::fs::write(&path, "# remark\n\nsasl.password = a=b c\nclient.id=file\n").expect("writable");
        let path = path.display().to_string();
        let settings = settings(&["--kafka-properties-file", &path, "--kafka-property", "client.id=line"]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [pair("sasl.password", "a=b c"), pair("client.id", "file"), pair("client.id", "line")];
        assert_eq!(settings.properties().expect("readable"), expected);
    }

    #[test]
    fn settings_are_for_our_own_topics_only() {
        let options = settings(&["--topic-setting", "calls:segment.ms=1:2=3"]).options("kafka:9092").expect("valid");
        assert_eq!(options.topic_settings, [("calls".into(), "segment.ms".into(), "1:2=3".into())]);
        for wrong in ["calls", "calls:segment.ms", "other:segment.ms=1", "calls:=1"] {
            assert!(wrong.parse::<TopicSetting>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_variable_holds_a_setting_a_line() {
        let several = "calls:segment.ms=1\n  inbox:cleanup.policy=compact,delete\n\n";
        let options = settings(&["--topic-setting", several, "--topic-setting", "calls:a=b"]).options("kafka:9092");
        let setting = |topic: &str, name: &str, value: &str| (topic.to_owned(), name.to_owned(), value.to_owned());
        let expected = [
            setting("calls", "segment.ms", "1"),
            setting("inbox", "cleanup.policy", "compact,delete"),
            setting("calls", "a", "b"),
        ];
        assert_eq!(options.expect("valid").topic_settings, expected);
        for wrong in ["", "\n", "calls:a=b\nother"] {
            assert!(wrong.parse::<TopicSettings>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn brokers_are_hosts_with_their_ports() {
        for good in
            ["kafka-1:9092", "kafka-1:9092,kafka-2:9092", "[::1]:9092", "SSL://kafka.example:9093", "127.0.0.1:1"]
        {
            assert_eq!(parse_bootstrap(good).expect("valid"), good);
        }
        assert_eq!(parse_bootstrap(" a:1, b:2 ").expect("valid"), "a:1,b:2");
        for wrong in [
            "",
            " ",
            "kafka",
            "kafka:",
            ":9092",
            "kafka:0",
            "kafka:65536",
            "a:1,",
            "a:1,b",
            "::1:9092",
            "a b:1",
            "http://a/:1",
        ] {
            let error = parse_bootstrap(wrong).expect_err(wrong).to_string();
            assert!(error.contains("host:port"), "{error}");
        }
    }

    #[test]
    fn a_line_that_is_no_property_is_named_without_its_text() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("client.properties");
        std::fs::write(&path, "client.id=x\nsecret-password\n").expect("writable");
        let path = path.display().to_string();
        let error = settings(&["--kafka-properties-file", &path]).properties().expect_err("no property").to_string();
        assert!(error.starts_with("line 2 of") && !error.contains("secret-password"), "{error}");
    }
}
