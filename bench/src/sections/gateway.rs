//! Requests a second over HTTP, against bare axum reading the same bodies.

use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use event_log::{
    DataFolder, EmbeddedLog, EmbeddedOptions, EventLog, KafkaLog, KafkaOptions, ReferenceFollower, log_id, new_log_id,
};
use ingest::{Ingest, IngestApi, IngestLimits};
use schemas::time::Clock;
use testkit::{free_port, unique_topic_prefix};

use super::queries::{Asking, SHAPES};
use crate::args::Section;
use crate::broker::delete_topics;
use crate::corpus::LOG_PARTITIONS;
use crate::lab::{Lab, NO_LIMITS, Running, put_projects};
use crate::limits::{Web, bare, syncing};
use crate::live::Live;
use crate::load::{Plan, Rhythm, Tally, drive};
use crate::output::progress;
use crate::process::{folder_bytes, megabytes};
use crate::report::{Row, Unit};

const SECTION: Section = Section::Gateway;
const CLIENTS: usize = 64;
const LOOK: Duration = Duration::from_millis(20);

pub(crate) async fn measure(lab: &mut Lab) -> Result<()> {
    progress("appending one event a request");
    let plan = Plan { clients: CLIENTS, rhythm: Rhythm::Closed { requests: u64::MAX }, duration: lab.seconds(1.0) };
    let live = Arc::new(Live::new(&lab.texts()?, 1));
    let web = Web::start(bare())?;
    let axum = drive(Arc::clone(&live), web.address(), plan).await?.clean("bare axum")?;
    drop(web);
    let limit = axum.per_second();
    lab.rows.push(rate("bare axum, one event a request, 64 clients", &axum));
    let durable = synced(lab, &live, plan).await?;
    lab.rows.push(
        rate("bare axum and a file that is synced, one event a request, 64 clients", &durable)
            .against("bare axum", limit),
    );
    let (tally, disk) = embedded(lab, &live, plan).await?;
    lab.rows.push(
        rate("embedded log, one event a request, 64 clients", &tally)
            .against("bare axum", limit)
            .against("bare axum and a file that is synced", durable.per_second())
            .ratio_at_least(0.5),
    );
    lab.rows.push(Row::new(SECTION, "embedded log / JSON of the events, one event a request", disk, Unit::Share));
    kafka(lab, &live, plan, limit).await?;
    lists(lab, limit).await
}

fn rate(name: &str, tally: &Tally) -> Row {
    let told = format!("p99 {:.1} ms, {}", tally.answered.p99_ms(), tally.answered.told());
    Row::new(SECTION, name, tally.per_second(), Unit::PerSecond).note(told)
}

async fn synced(lab: &Lab, live: &Arc<Live>, plan: Plan) -> Result<Tally> {
    let path = lab.scratch("bodies");
    let web = Web::start(syncing(File::create(&path)?)?)?;
    let tally = drive(Arc::clone(live), web.address(), plan).await?.clean("bare axum and a file")?;
    drop(web);
    fs::remove_file(&path)?;
    Ok(tally)
}

/// The door on an embedded log in this process, since `serve` has a projector that reads what is appended. Also, how
/// large the log is for its events.
async fn embedded(lab: &Lab, live: &Arc<Live>, plan: Plan) -> Result<(Tally, f64)> {
    let folder = DataFolder::open(&lab.scratch("gateway"))?;
    let clock = Clock::system();
    let options = EmbeddedOptions { partitions: LOG_PARTITIONS.get(), clock: clock.clone() };
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(&folder.log(), options)?);
    put_projects(&log).await?;
    let id = log_id(&log, new_log_id()).await?;
    let reference = ReferenceFollower::start(Arc::clone(&log), tokio::runtime::Handle::current())?;
    while !reference.is_ready() {
        tokio::time::sleep(LOOK).await;
    }
    let limits = IngestLimits {
        project_events_per_second: 10_000_000.try_into()?,
        project_burst_events: 10_000_000.try_into()?,
        ..IngestLimits::default()
    };
    let ingest = Ingest::new(Arc::clone(&log), id, clock.clone(), limits);
    let api = IngestApi { ingest, reference: reference.data(), master_key: None, clock, log: Arc::clone(&log) };
    let web = Web::start(ingest::router(api))?;
    let before = folder_bytes(&folder.log())?;
    let tally = drive(Arc::clone(live), web.address(), plan).await?.clean("the door on the embedded log")?;
    drop(web);
    let written = megabytes(folder_bytes(&folder.log())? - before);
    tokio::task::spawn_blocking(move || drop((reference, log))).await?;
    let events = megabytes(tally.answered.len() * live.bytes());
    fs::remove_dir_all(folder.path())?;
    Ok((tally, written / events))
}

async fn kafka(lab: &mut Lab, live: &Arc<Live>, plan: Plan, limit: f64) -> Result<()> {
    const NAME: &str = "Kafka, one event a request, 64 clients";
    let bootstrap = match lab.broker()? {
        Ok(bootstrap) => bootstrap,
        Err(why) => {
            lab.rows.push(Row::skipped(SECTION, NAME, why));
            return Ok(());
        }
    };
    progress("appending one event a request to Kafka");
    let prefix = unique_topic_prefix("bench");
    let options = KafkaOptions { topic_prefix: prefix.clone(), ..KafkaOptions::new(&bootstrap) };
    let log: Arc<dyn EventLog> = Arc::new(KafkaLog::open(options).await?);
    put_projects(&log).await?;
    tokio::task::spawn_blocking(move || drop(log)).await?;
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["ingest", "--listen", &listen, "--kafka", &bootstrap, "--topic-prefix", &prefix];
    let running = Running::of(&[&args[..], &NO_LIMITS].concat(), port)?.ready().await?;
    let tally = drive(Arc::clone(live), running.address, plan).await?.clean("the door on Kafka")?;
    running.stop().await?;
    delete_topics(&bootstrap, &prefix).await?;
    lab.rows.push(rate(NAME, &tally).against("bare axum", limit));
    Ok(())
}

/// Lists of the base, as many as can be had.
async fn lists(lab: &mut Lab, limit: f64) -> Result<()> {
    progress("asking for lists");
    let base = lab.base().await?;
    let running = Running::spawn(&base.data, &NO_LIMITS)?.ready().await?;
    let newest = SHAPES.first().context("there are shapes")?;
    let plan = Plan { clients: CLIENTS, rhythm: Rhythm::Closed { requests: u64::MAX }, duration: lab.seconds(1.0) };
    let tally = drive(Arc::new(Asking::new(newest, &base.about)), running.address, plan).await?.clean("lists")?;
    running.stop().await?;
    lab.rows.push(rate("newest lists, 64 clients", &tally).against("bare axum", limit));
    Ok(())
}
