//! The topics: made when missing, checked when not.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use schemas::limits::MESSAGE_BYTES;

use super::connection::{Connection, may_pass};
use super::options::KafkaOptions;
use crate::log::Topic;

const MESSAGE_SETTING: &str = "max.message.bytes";
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the topics can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    #[error("the topic {topic} can't be made: {reason}")]
    NotMade { topic: String, reason: String },
    #[error("the topic {topic} has {setting}={value}, which would lose records")]
    Dangerous { topic: String, setting: &'static str, value: String },
    #[error("the topic {topic} has {found} partitions instead of 1")]
    Partitions { topic: String, found: usize },
    #[error("the topics can't be examined")]
    Broker(#[from] KafkaError),
}

/// How large a message each topic takes.
pub(super) type MessageBytes = BTreeMap<Topic, usize>;

/// What the cluster has.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) brokers: usize,
    /// Partitions and replicas of each topic that can be read now.
    pub(super) topics: BTreeMap<String, (usize, usize)>,
}

impl Cluster {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none()).filter_map(|topic| {
            let partitions = topic.partitions();
            let first = partitions.first()?;
            let led = partitions.iter().all(|partition| partition.leader() >= 0);
            led.then(|| (topic.name().to_owned(), (partitions.len(), first.replicas().len())))
        });
        Self { brokers: metadata.brokers().len(), topics: topics.collect() }
    }
}

pub(super) fn names(options: &KafkaOptions) -> [String; 4] {
    [options.topic(Topic::Calls), options.topic(Topic::Reference), options.topic(Topic::DeadLetters), options.inbox()]
}

/// A topic to be made.
struct Plan {
    /// Its name without the prefix.
    topic: &'static str,
    partitions: u32,
    settings: Vec<(String, String)>,
}

fn plans(options: &KafkaOptions, replication: i32, brokers: usize) -> Vec<Plan> {
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut common = vec![
        setting(MESSAGE_SETTING, &MESSAGE_BYTES.to_string()),
        setting("message.timestamp.type", "LogAppendTime"),
        setting("min.insync.replicas", &(replication - 1).max(1).to_string()),
        setting("unclean.leader.election.enable", "false"),
    ];
    let inbox_retention = options.inbox_retention.as_millis().to_string();
    let mut inbox = common.clone();
    inbox.extend([setting("cleanup.policy", "delete"), setting("retention.ms", &inbox_retention)]);
    if brokers == 1 {
        // Nobody else has a copy, so each record goes to the disk before it is acknowledged.
        common.push(setting("flush.messages", "1"));
    }
    let mut calls = common.clone();
    calls.extend([
        setting("cleanup.policy", "delete"),
        setting("retention.ms", "-1"),
        setting("retention.bytes", "-1"),
    ]);
    let mut compacted = common;
    compacted.push(setting("cleanup.policy", "compact"));
    let plan = |topic, partitions, settings| Plan { topic, partitions, settings };
    let mut plans = vec![
        plan("calls", options.partitions, calls),
        plan("reference", 1, compacted.clone()),
        plan("dead-letters", 1, compacted),
        plan("inbox", options.partitions, inbox),
    ];
    for (topic, name, value) in &options.topic_settings {
        for plan in plans.iter_mut().filter(|plan| plan.topic == topic) {
            plan.settings.retain(|(known, _)| known != name);
            plan.settings.push((name.clone(), value.clone()));
        }
    }
    plans
}

/// Makes the topics that the cluster lacks; whether there were any.
pub(super) async fn make_missing(
    admin: &AdminClient<Connection>,
    options: &KafkaOptions,
    cluster: &Cluster,
) -> Result<bool, TopicError> {
    let most = i32::try_from(cluster.brokers).unwrap_or(i32::MAX);
    let replication = options.replication.unwrap_or(most.min(3));
    let plans = plans(options, replication, cluster.brokers);
    let mut missing = false;
    for Plan { topic, partitions, settings } in &plans {
        let name = format!("{}.{topic}", options.topic_prefix);
        if cluster.topics.contains_key(&name) {
            continue;
        }
        missing = true;
        let partitions = i32::try_from(*partitions).unwrap_or(i32::MAX);
        let mut new = NewTopic::new(&name, partitions, TopicReplication::Fixed(replication));
        for (setting, value) in settings {
            new = new.set(setting, value);
        }
        let outcome = admin.create_topics([&new], &AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT))).await?;
        match outcome.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {}
            Some(Err((topic, code))) => {
                let error = KafkaError::AdminOp(code);
                let not_made = TopicError::NotMade { topic, reason: code.to_string() };
                return Err(if may_pass(&error) { error.into() } else { not_made });
            }
            _ => tracing::info!(kafka.topic = name, kafka.partitions = partitions, "made a topic"),
        }
    }
    Ok(missing)
}

type Settings<'a> = HashMap<&'a str, &'a ConfigEntry>;

fn value<'a>(settings: &'a Settings<'_>, name: &str) -> &'a str {
    settings.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or_default()
}

/// Refuses topics that would lose records, and says which durability is in force. The size of the greatest message
/// that each topic of the log takes.
pub(super) async fn check(
    admin: &AdminClient<Connection>,
    options: &KafkaOptions,
    cluster: &Cluster,
) -> Result<MessageBytes, TopicError> {
    let names = names(options);
    for topic in [Topic::Reference, Topic::DeadLetters] {
        let topic = options.topic(topic);
        if let Some((found, _)) = cluster.topics.get(&topic).filter(|(found, _)| *found != 1) {
            return Err(TopicError::Partitions { topic, found: *found });
        }
    }
    let resources: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let described =
        admin.describe_configs(&resources, &AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT))).await?;
    let mut message_bytes = MessageBytes::new();
    for (name, resource) in names.iter().zip(described) {
        let resource = resource.map_err(|code| TopicError::Broker(KafkaError::AdminOp(code)))?;
        let settings = resource.entry_map();
        if let Some((setting, value)) = danger(options, name, &settings) {
            return Err(TopicError::Dangerous { topic: name.clone(), setting, value });
        }
        warn_of_weakness(options, name, &settings);
        if let Some(topic) = Topic::ALL.into_iter().find(|topic| options.topic(*topic) == *name) {
            message_bytes.insert(topic, value(&settings, MESSAGE_SETTING).parse().unwrap_or(MESSAGE_BYTES));
        }
        if *name == options.topic(Topic::Calls) {
            let replicas = cluster.topics.get(name).map_or(0, |(_, replicas)| *replicas);
            let disk = if value(&settings, "flush.messages") == "1" { "its disk" } else { "its memory" };
            tracing::info!(
                kafka.topic = name,
                "an append is acknowledged when at least {} of {replicas} replicas have it, each in {disk}",
                value(&settings, "min.insync.replicas"),
            );
            if replicas < cluster.brokers.min(3) {
                let brokers = cluster.brokers;
                tracing::warn!(kafka.topic = name, "of {brokers} brokers {replicas} have it: it is lost with them");
            }
        }
    }
    Ok(message_bytes)
}

/// The first setting by which the broker would delete records that are kept for ever, or that nobody has read yet.
fn danger(options: &KafkaOptions, name: &str, settings: &Settings<'_>) -> Option<(&'static str, String)> {
    let policy = value(settings, "cleanup.policy");
    let (is_calls, is_inbox) = (name == options.topic(Topic::Calls), name == options.inbox());
    if (is_calls || is_inbox) && policy.contains("compact") {
        return Some(("cleanup.policy", policy.to_owned()));
    }
    if is_inbox {
        return None;
    }
    if policy.contains("delete") {
        for setting in ["retention.ms", "retention.bytes"] {
            if value(settings, setting) != "-1" {
                return Some((setting, value(settings, setting).to_owned()));
            }
        }
    }
    None
}

fn warn_of_weakness(options: &KafkaOptions, name: &str, settings: &Settings<'_>) {
    let warn = |setting: &str, because: &str| {
        let value = value(settings, setting);
        tracing::warn!(kafka.topic = name, "{setting} is {value}: {because}");
    };
    if value(settings, MESSAGE_SETTING).parse::<usize>().is_ok_and(|bytes| bytes < MESSAGE_BYTES) {
        let who = if name == options.inbox() { "by the broker" } else { "by ingest" };
        warn(MESSAGE_SETTING, &format!("larger events are refused {who}; the greatest event needs {MESSAGE_BYTES}"));
    }
    if value(settings, "unclean.leader.election.enable") == "true" {
        warn("unclean.leader.election.enable", "acknowledged records can be lost when a broker fails");
    }
    if value(settings, "message.timestamp.type") != "LogAppendTime" {
        if name == options.inbox() {
            warn("message.timestamp.type", "producers set the time of receipt");
        } else if name != options.topic(Topic::DeadLetters) {
            warn(
                "message.timestamp.type",
                "when clocks differ, readers may take the topic for one that was made again",
            );
        }
    }
}
