//! After a kill, after a backlog, and after the loss of the index.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::llm_log_binary;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::freshness::{Asks, Watch};
use crate::args::Section;
use crate::base::{Base, project, records};
use crate::corpus::{Corpus, Mix};
use crate::http::{Connection, post};
use crate::lab::{Lab, NO_LIMITS, Running, append, with_log};
use crate::live::{BATCH, Live, arriving, key};
use crate::load::{Driving, drive};
use crate::output::progress;
use crate::process::megabytes;
use crate::report::{Row, Unit};

const SECTION: Section = Section::Restart;
const KILLS: usize = 3;
/// Calls a second that arrive meanwhile.
const ARRIVING: u32 = 1000;
/// How long an answer may take after a start.
const LATEST: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_millis(2);
/// What freshness comes back to after a backlog.
const FRESH_MS: f64 = 250.0;

pub(crate) async fn measure(lab: &mut Lab) -> Result<()> {
    let base = lab.base().await?;
    // While nothing else runs.
    lab.raw()?;
    kills(lab, &base).await?;
    backlog(lab, &base).await?;
    rebuild(lab, &base).await?;
    verify(lab, &base).await
}

async fn kills(lab: &mut Lab, base: &Base) -> Result<()> {
    progress("killing llm-log while calls arrive");
    let (mut answers, mut caught_up) = (Vec::new(), Vec::new());
    for _ in 0..KILLS {
        let running = Running::spawn(&base.data, &NO_LIMITS)?.ready().await?;
        let live = Arc::new(Live::new(&lab.texts()?, BATCH));
        let arriving = Driving::start(live, running.address, arriving(ARRIVING, Duration::MAX));
        tokio::time::sleep(lab.seconds(0.2)).await;
        running.server.kill()?;
        arriving.stop().await?;
        let begun = Instant::now();
        let running = Running::spawn(&base.data, &NO_LIMITS)?;
        first_answer(&running).await?;
        answers.push(begun.elapsed().as_secs_f64());
        let running = running.ready().await?;
        caught_up.push(begun.elapsed().as_secs_f64());
        running.stop().await?;
    }
    for (name, times) in [("kill -9 to the first list", answers), ("kill -9 to caught up", caught_up)] {
        let worst = times.iter().copied().fold(0.0, f64::max);
        let told: Vec<String> = times.iter().map(|seconds| format!("{seconds:.2}")).collect();
        let row = Row::new(SECTION, name, worst, Unit::Seconds).at_most(2.0);
        lab.rows.push(row.note(format!("the longest of {} s", told.join(", "))));
    }
    Ok(())
}

async fn first_answer(running: &Running) -> Result<()> {
    let mut connection = Connection::new(running.address);
    let request = post("/api/llm-log/get-list?limit=1", &key(0).key, json!({}).to_string().as_bytes());
    let begun = Instant::now();
    while !connection.send(&request).await.is_ok_and(|reply| reply.status == 200) {
        ensure!(begun.elapsed() < LATEST, "no list {LATEST:?} after the start: {}", running.server.log());
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// As many calls again, appended while nothing reads them; then the time until new calls are seen as soon as ever.
async fn backlog(lab: &mut Lab, base: &Base) -> Result<()> {
    const NAME: &str = "fresh again after a backlog";
    progress("appending a backlog");
    let calls = lab.args.calls;
    // Later calls than those of the base have other ids.
    let later = Corpus::new(lab.args.file.as_deref(), calls, schemas::time::Clock::system().now().date());
    let (events, _) = with_log(&base.data, async |log| append(log, records(&later, Mix::Recorded)?).await).await?;
    progress("catching up while calls arrive");
    let running = Running::spawn(&base.data, &NO_LIMITS)?;
    first_answer(&running).await?;
    let begun = Instant::now();
    let mut rounds = 0;
    let last = loop {
        rounds += 1;
        let (told, acknowledged) = mpsc::unbounded_channel();
        let watch = tokio::spawn(Watch::new(running.address, Asks::FullText, begun).until_all_are_seen(acknowledged));
        let live = Live::new(&lab.texts()?, BATCH).telling(told);
        let plan = arriving(ARRIVING, lab.seconds(0.2));
        drive(Arc::new(live), running.address, plan).await?.clean("calls that arrived")?;
        let seen = watch.await??;
        if seen.p99_ms() <= FRESH_MS || begun.elapsed() > LATEST {
            break seen;
        }
    };
    let row = Row::new(SECTION, NAME, begun.elapsed().as_secs_f64(), Unit::Seconds);
    let raw = lab.raw()?;
    #[expect(clippy::cast_precision_loss, reason = "events are far below 2^53")]
    let alone = raw.all.seconds * events as f64 / calls as f64;
    let told = format!("{events} events; in the last of {rounds} rounds p99 {:.0} ms, {}", last.p99_ms(), last.told());
    lab.rows.push(if last.p99_ms() <= FRESH_MS {
        row.against("tantivy alone with the backlog", alone).note(told)
    } else {
        Row::skipped(SECTION, NAME, format!("not within {LATEST:?}: {told}"))
    });
    running.stop().await
}

/// The index is gone, and made anew from the log.
async fn rebuild(lab: &mut Lab, base: &Base) -> Result<()> {
    progress("building the index anew");
    fs::remove_dir_all(base.data.join("index"))?;
    let (cost, running) = project(&base.data).await?;
    let said = running.server.log().matches("the index is being built from the log").count();
    let documents = crate::metrics::metric(&mut Connection::new(running.address), crate::metrics::DOCUMENTS).await?;
    running.stop().await?;
    let raw = lab.raw_around()?;
    let per_call = raw.megabytes * 1e6 / f64::from(u32::try_from(lab.args.calls)?);
    let megabytes = documents.unwrap_or_default() * per_call / 1e6;
    let row = Row::new(SECTION, "rebuild, wall", cost.per_second(megabytes), Unit::MegabytesPerSecond)
        .against("tantivy alone", raw.all.per_second(raw.megabytes))
        .ratio_at_least(0.6);
    lab.rows.push(row.note(format!("{:.0} calls, {said} lines of progress", documents.unwrap_or_default())));
    Ok(())
}

/// Whatever was measured, index and log say the same.
async fn verify(lab: &mut Lab, base: &Base) -> Result<()> {
    progress("comparing index and log");
    let begun = Instant::now();
    let output =
        Command::new(llm_log_binary()).args(["verify", "--data"]).arg(&base.data).stdin(Stdio::null()).output().await?;
    let told = String::from_utf8_lossy(&output.stdout).trim().replace('\n', ", ");
    ensure!(output.status.success(), "llm-log verify: {told} {}", String::from_utf8_lossy(&output.stderr));
    let log = megabytes(crate::process::folder_bytes(&base.data.join("log"))?);
    let row = Row::new(SECTION, "verify", begun.elapsed().as_secs_f64(), Unit::Seconds);
    lab.rows.push(row.note(format!("{told}; a log of {log:.0} MB")));
    Ok(())
}
