//! What a test does to the topics of an installation from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use event_log::{EventLog as _, KafkaLog, KafkaOptions, LogRecord, Topic};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::kafka::Installation;

/// Partitions of an installation's inbox.
const PARTITIONS: i32 = 4;
const TIMEOUT: Duration = Duration::from_secs(30);

/// A record for the inbox.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Sent {
    pub(crate) fn value(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }
}

/// Text that nothing compresses.
pub(crate) fn noise(bytes: usize) -> String {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'0' + u8::try_from(state >> 58).expect("six bits"))
    };
    std::iter::repeat_with(next).take(bytes).collect::<String>().replace('\\', "!")
}

/// The broker, and the names of the installation's topics.
pub(crate) struct Topics {
    bootstrap: String,
    prefix: String,
}

impl Topics {
    pub(crate) fn of(installation: &Installation) -> Self {
        let after = |flag: &str| {
            let mut args = installation.log.iter().skip_while(|arg| *arg != flag);
            args.nth(1).expect("every role is told").clone()
        };
        Self { bootstrap: after("--kafka"), prefix: after("--topic-prefix") }
    }

    pub(crate) fn name(&self, topic: &str) -> String {
        format!("{}.{topic}", self.prefix)
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set("message.max.bytes", "100000000");
        config
    }

    /// Sends records to one partition, each in a batch of its own, and waits until the broker has them.
    pub(crate) fn send(&self, topic: &str, partition: i32, records: &[Sent]) {
        let producer: BaseProducer = self.client().set("compression.type", "zstd").create().expect("valid settings");
        let topic = self.name(topic);
        for sent in records {
            let headers = sent.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value.as_bytes()) })
            });
            let mut record = BaseRecord::<[u8], [u8]>::to(&topic).partition(partition).headers(headers);
            record.key = sent.key.as_deref();
            record.payload = sent.value.as_deref();
            producer.send(record).map_err(|(error, _)| error).expect("queued");
            producer.flush(TIMEOUT).expect("the broker has it");
        }
    }

    fn group(&self) -> BaseConsumer {
        let group = format!("{}.ingest", self.prefix);
        self.client().set("group.id", group).create().expect("valid settings")
    }

    /// How many records of the inbox ingest has acknowledged, of an inbox that still has them all.
    pub(crate) fn acknowledged(&self) -> i64 {
        let mut asked = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            asked.add_partition(&self.name("inbox"), partition);
        }
        let committed = self.group().committed_offsets(asked, TIMEOUT).expect("the broker answers");
        committed.elements().iter().filter_map(|element| element.offset().to_raw()).filter(|offset| *offset > 0).sum()
    }

    /// Sets the group of ingest, which has no members, back to the start of a partition of the inbox.
    pub(crate) fn begin_again(&self, partition: i32) {
        let (topic, mut start) = (self.name("inbox"), TopicPartitionList::new());
        start.add_partition_offset(&topic, partition, Offset::Offset(0)).expect("an offset");
        self.group().commit(&start, CommitMode::Sync).expect("the group has no members");
    }

    /// Gives a topic these settings, and the broker's own for all others.
    pub(crate) async fn set(&self, topic: &str, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("valid settings");
        let name = self.name(topic);
        let change = AlterConfig::new(ResourceSpecifier::Topic(&name));
        let change = settings.iter().fold(change, |change, (setting, value)| change.set(setting, value));
        let changed = admin.alter_configs([&change], &AdminOptions::new()).await.expect("the broker answers");
        assert!(changed.iter().all(Result::is_ok), "{changed:?}");
    }

    /// Every record of the topic of dead letters, repeats too.
    pub(crate) async fn letters(&self) -> Vec<LogRecord> {
        let options = KafkaOptions { topic_prefix: self.prefix.clone(), ..KafkaOptions::new(&self.bootstrap) };
        let log = KafkaLog::open(options).await.expect("the log opens");
        let bounds = log.bounds(Topic::DeadLetters, 0).await.expect("reachable");
        tokio::task::spawn_blocking(move || {
            let (mut records, mut next) = (Vec::new(), bounds.start);
            let mut reader = log.reader(Topic::DeadLetters, &BTreeMap::from([(0, next)])).expect("readable");
            while next < bounds.end {
                let batch = reader.read(1 << 20, Duration::from_millis(100)).expect("readable");
                next = batch.next.get(&0).copied().unwrap_or(next);
                records.extend(batch.records);
            }
            records
        })
        .await
        .expect("no panic")
    }
}
