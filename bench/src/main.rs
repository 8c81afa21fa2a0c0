//! Measures llm-log against named limits of the same run, and says what moved since the committed figures.

mod args;
mod base;
mod broker;
mod corpus;
mod http;
mod lab;
mod latency;
mod limits;
mod live;
mod load;
mod metrics;
mod output;
mod process;
mod report;
mod sections;

use std::path::Path;

use clap::Parser as _;
use testkit::llm_log_binary;

use args::Args;
use lab::Lab;
use output::{line, progress};
use report::{About, Machine, Report, moved, table};

/// The figures that a run is compared with.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/figures.json");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let committed = Report::read(Path::new(COMMITTED))?;
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if cfg!(debug_assertions) {
        progress("this is a debug build: its figures mean nothing");
    }
    // Building takes the cores, and its time is no part of anything measured.
    tokio::task::spawn_blocking(llm_log_binary).await?;
    let (sections, json) = (args.sections(), args.json.clone());
    let mut lab = Lab::new(args)?;
    for section in sections {
        progress(&format!("measuring {section:?}"));
        sections::measure(section, &mut lab).await?;
    }
    let about = About {
        machine: Machine::of_this(),
        profile: profile.to_owned(),
        calls: lab.args.calls,
        corpus: lab.corpus.name()?,
        seconds: lab.args.seconds,
    };
    let report = Report { about, rows: lab.rows };
    line(&format!("{} calls ({}), {profile} build, {}\n", report.about.calls, report.about.corpus, report.about.machine));
    line(&table(&report.rows));
    moved(committed.as_ref(), &report).iter().for_each(|told| line(told));
    if let Some(path) = json {
        report.write(&path)?;
    }
    Ok(())
}
