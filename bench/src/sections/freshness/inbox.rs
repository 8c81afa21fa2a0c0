//! Through Kafka's inbox, against the same call through HTTP.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use event_log::{EventLog, KafkaLog, KafkaOptions};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::json;
use testkit::unique_topic_prefix;
use tokio::time::Instant;

use super::SECTION;
use super::watch::is_shown;
use crate::broker::delete_topics;
use crate::corpus::Stamp;
use crate::http::{Connection, post};
use crate::lab::{Lab, NO_LIMITS, Running, put_projects};
use crate::latency::Latency;
use crate::live::{Texts, key};
use crate::output::progress;
use crate::report::{Row, Unit};

/// Time between two questions for the same call.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a call may take to be seen.
const LATEST: Duration = Duration::from_mins(1);
/// How much later than through HTTP a call may be seen, in milliseconds.
const LATER_MS: f64 = 50.0;

pub(super) async fn measure(lab: &mut Lab) -> Result<()> {
    const NAME: &str = "through the inbox, seen by full text, p99";
    let bootstrap = match lab.broker()? {
        Ok(bootstrap) => bootstrap,
        Err(why) => {
            lab.rows.push(Row::skipped(SECTION, NAME, why));
            return Ok(());
        }
    };
    progress("looking for calls that come through the inbox");
    let prefix = unique_topic_prefix("bench");
    let options = KafkaOptions { topic_prefix: prefix.clone(), ..KafkaOptions::new(&bootstrap) };
    let log: Arc<dyn EventLog> = Arc::new(KafkaLog::open(options).await?);
    put_projects(&log).await?;
    tokio::task::spawn_blocking(move || drop(log)).await?;
    let data = lab.scratch("inbox");
    let args = [&NO_LIMITS[..], &["--kafka", &bootstrap, "--topic-prefix", &prefix]].concat();
    let running = Running::spawn(&data, &args)?.ready().await?;
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", &bootstrap).set("acks", "all").set("linger.ms", "0").create()?;
    let mut probe = Probe {
        texts: lab.texts()?,
        connection: Connection::new(running.address),
        random: StdRng::from_rng(&mut rand::rng()),
        producer,
        inbox: format!("{prefix}.inbox"),
    };
    let (mut http, mut inbox) = (Latency::default(), Latency::default());
    // The first ones wait for connections and for the inbox's group.
    probe.through_http().await?;
    probe.through_inbox().await?;
    let until = Instant::now() + lab.seconds(1.0);
    while Instant::now() < until {
        probe.pause().await;
        http.record(probe.through_http().await?);
        probe.pause().await;
        inbox.record(probe.through_inbox().await?);
    }
    running.stop().await?;
    delete_topics(&bootstrap, &prefix).await?;
    for (share, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let direct = http.quantile_ms(quantile);
        let row = Row::new(
            SECTION,
            format!("through the inbox, seen by full text, {share}"),
            inbox.quantile_ms(quantile),
            Unit::Milliseconds,
        )
        .against("through HTTP on Kafka", direct)
        .at_most(direct + LATER_MS);
        lab.rows.push(row.note(inbox.told()));
    }
    Ok(())
}

/// Publishes one call at a time and waits until it is seen.
struct Probe {
    texts: std::sync::Arc<Texts>,
    connection: Connection,
    random: StdRng,
    producer: FutureProducer,
    inbox: String,
}

impl Probe {
    /// What was seen last was seen right after a commit: the next call comes at any time between two.
    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.random_range(0..200))).await;
    }

    async fn through_http(&mut self) -> Result<Duration> {
        let mut body = Vec::new();
        let stamp = self.texts.call(0, &mut self.random, &mut body);
        let request = post("/v1/events", &key(0).key, &body);
        let status = self.connection.send(&request).await?.status;
        ensure!(status == 200, "an append was answered with {status}");
        self.seen(&stamp).await
    }

    async fn through_inbox(&mut self) -> Result<Duration> {
        let mut body = Vec::new();
        let stamp = self.texts.call(0, &mut self.random, &mut body);
        let id = stamp.id.to_string();
        let record = FutureRecord::to(&self.inbox).key(&id).payload(&body);
        if let Err((error, _)) = self.producer.send(record, LATEST).await {
            bail!("the inbox did not take a call: {error}");
        }
        self.seen(&stamp).await
    }

    /// Asks until the call is there; how long that took.
    async fn seen(&mut self, stamp: &Stamp) -> Result<Duration> {
        let acknowledged = Instant::now();
        let query = json!({"requestPrompt": {"_type": "FullText", "value": stamp.token}});
        let body = json!({"query": query, "select": {"status": true}}).to_string();
        let request = post("/api/llm-log/get-list?limit=1", &key(0).key, body.as_bytes());
        loop {
            if is_shown(&self.connection.send(&request).await?)? {
                return Ok(acknowledged.elapsed());
            }
            if acknowledged.elapsed() > LATEST {
                bail!("a call was not seen {LATEST:?} after it was acknowledged");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
