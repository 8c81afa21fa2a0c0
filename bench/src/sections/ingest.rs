//! From the log to searchable when behind, against tantivy alone with the same events.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use event_log::{EventLog, KafkaLog, KafkaOptions};
use testkit::{free_port, unique_topic_prefix};

use crate::args::Section;
use crate::base::project;
use crate::broker::delete_topics;
use crate::corpus::Spool;
use crate::http::Connection;
use crate::lab::{Lab, PATIENCE, Raw, Running, append, put_projects, with_log};
use crate::limits::consume;
use crate::metrics::{DOCUMENTS, metric};
use crate::output::progress;
use crate::process::{Cost, megabytes};
use crate::report::{Row, Unit};

const SECTION: Section = Section::Ingest;

pub(crate) async fn measure(lab: &mut Lab) -> Result<()> {
    let raw = lab.raw()?;
    let spool = lab.spool()?;
    for (threads, cost) in [(1, raw.one), (raw.threads, raw.all)] {
        let name = |what| format!("tantivy alone, threads: {threads}, {what}");
        lab.rows.push(Row::new(SECTION, name("wall"), cost.per_second(raw.megabytes), Unit::MegabytesPerSecond));
        let per_cpu = cost.per_cpu_second(raw.megabytes);
        lab.rows.push(Row::new(SECTION, name("CPU"), per_cpu, Unit::MegabytesPerCpuSecond));
    }
    embedded(lab, &spool).await?;
    kafka(lab, &spool).await?;
    updated(lab).await
}

async fn embedded(lab: &mut Lab, spool: &Spool) -> Result<()> {
    let data = lab.scratch("ingest");
    progress("appending to the embedded log");
    let begun = Instant::now();
    with_log(&data, async |log| append(log, spool.read()?).await).await?;
    let appended = begun.elapsed().as_secs_f64();
    let rate = megabytes(spool.bytes) / appended;
    lab.rows.push(Row::new(
        SECTION,
        "append to the embedded log, 1000 records at a time",
        rate,
        Unit::MegabytesPerSecond,
    ));
    progress("reading the embedded log");
    let (cost, running) = project(&data).await?;
    check(&running, lab.args.calls).await?;
    running.stop().await?;
    fs::remove_dir_all(&data)?;
    let raw = lab.raw_around()?;
    lab.rows.extend(rows("embedded log to searchable", megabytes(spool.bytes), cost, raw));
    Ok(())
}

async fn kafka(lab: &mut Lab, spool: &Spool) -> Result<()> {
    const NAME: &str = "Kafka to searchable";
    let bootstrap = match lab.broker()? {
        Ok(bootstrap) => bootstrap,
        Err(why) => {
            lab.rows.push(Row::skipped(SECTION, NAME, why));
            return Ok(());
        }
    };
    progress("appending to Kafka");
    let prefix = unique_topic_prefix("bench");
    let options = KafkaOptions { topic_prefix: prefix.clone(), ..KafkaOptions::new(&bootstrap) };
    let log: Arc<dyn EventLog> = Arc::new(KafkaLog::open(options).await?);
    put_projects(&log).await?;
    append(&*log, spool.read()?).await?;
    tokio::task::spawn_blocking(move || drop(log)).await?;
    // The broker leaves what it has to the kernel, which would write it while something is measured.
    rustix::fs::sync();

    progress("reading Kafka");
    let megabytes = megabytes(spool.bytes);
    let (server, topic, records) = (bootstrap.clone(), format!("{prefix}.calls"), spool.events);
    let bare = tokio::task::spawn_blocking(move || consume(&server, &topic, records)).await??;
    let (wall, cpu) = (bare.per_second(megabytes), bare.per_cpu_second(megabytes));
    lab.rows.push(Row::new(SECTION, "bare consumer of Kafka, wall", wall, Unit::MegabytesPerSecond));
    lab.rows.push(Row::new(SECTION, "bare consumer of Kafka, CPU", cpu, Unit::MegabytesPerCpuSecond));

    let data = lab.scratch("ingest-kafka");
    let secret = lab.scratch("secret");
    fs::write(&secret, "of-one-run-of-the-benchmark")?;
    let port = free_port();
    let (data_text, secret, listen) =
        (data.display().to_string(), secret.display().to_string(), format!("127.0.0.1:{port}"));
    let args = ["projector", "--kafka", &bootstrap, "--topic-prefix", &prefix, "--data", &data_text];
    let args = [&args[..], &["--internal-listen", &listen, "--internal-secret-file", &secret]].concat();
    let begun = Instant::now();
    let running = Running::of(&args, port)?.ready().await?;
    let seconds = begun.elapsed().as_secs_f64();
    running.process.rest(PATIENCE).await?;
    let cost = Cost { seconds, cpu_seconds: running.process.cpu_seconds()? };
    check(&running, lab.args.calls).await?;
    running.stop().await?;
    fs::remove_dir_all(&data)?;
    delete_topics(&bootstrap, &prefix).await?;
    let [cpu, wall] = rows(NAME, megabytes, cost, lab.raw_around()?);
    let per_consumer = bare.per_second(megabytes);
    lab.rows.extend([cpu, wall.against("a bare consumer", per_consumer).note("the broker is on the same cores")]);
    Ok(())
}

/// Half of the calls as two events: the building of the base.
async fn updated(lab: &mut Lab) -> Result<()> {
    const NAME: &str = "half of the calls of two events, 1 % annotated";
    let base = lab.base().await?;
    let Some(cost) = base.built else {
        lab.rows.push(Row::skipped(SECTION, NAME, "the base was built by an earlier run"));
        return Ok(());
    };
    let raw = lab.raw_around()?;
    let per_cpu = cost.per_cpu_second(megabytes(base.about.event_bytes));
    let wall = cost.per_second(megabytes(base.about.event_bytes));
    let note = format!("{} events", base.about.events);
    lab.rows.extend([
        Row::new(SECTION, format!("{NAME}, CPU"), per_cpu, Unit::MegabytesPerCpuSecond)
            .against("tantivy alone", raw.all.per_cpu_second(raw.megabytes))
            .note(note.clone()),
        Row::new(SECTION, format!("{NAME}, wall"), wall, Unit::MegabytesPerSecond)
            .against("tantivy alone", raw.all.per_second(raw.megabytes))
            .note(note),
    ]);
    #[expect(clippy::cast_precision_loss, reason = "calls are far below 2^53")]
    let calls = lab.args.calls as f64;
    let per_call =
        Row::new(SECTION, format!("{NAME}, CPU per call"), 1000.0 * cost.cpu_seconds / calls, Unit::Milliseconds);
    lab.rows.push(per_call.note("for runs of other sizes: per call at ten times the calls, at most 1.2 × as much"));
    Ok(())
}

fn rows(name: &str, megabytes: f64, cost: Cost, raw: Raw) -> [Row; 2] {
    let limit = format!("tantivy alone, threads: {}", raw.threads);
    [
        Row::new(SECTION, format!("{name}, CPU"), cost.per_cpu_second(megabytes), Unit::MegabytesPerCpuSecond)
            .against(&limit, raw.all.per_cpu_second(raw.megabytes))
            .ratio_at_least(0.8),
        Row::new(SECTION, format!("{name}, wall"), cost.per_second(megabytes), Unit::MegabytesPerSecond)
            .against(&limit, raw.all.per_second(raw.megabytes))
            .ratio_at_least(0.6),
    ]
}

/// Fails unless the index has every call, since a figure of less would mean nothing.
async fn check(running: &Running, calls: u64) -> Result<()> {
    let documents = metric(&mut Connection::new(running.address), DOCUMENTS).await?;
    #[expect(clippy::cast_precision_loss, reason = "calls are far below 2^53")]
    let expected = Some(calls as f64);
    ensure!(documents == expected, "the index has {documents:?} documents of {calls} calls");
    Ok(())
}
