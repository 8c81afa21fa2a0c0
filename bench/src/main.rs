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
use schemas::time::Clock;
use testkit::llm_log_binary;

use args::Args;
use corpus::{Corpus, export};
use lab::Lab;
use output::{line, progress};
use report::{About, Machine, Report, moved, table};

/// The figures that a run is compared with.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/figures.json");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(path) = &args.export {
        let corpus = Corpus::new(args.file.as_deref(), args.calls, Clock::system().now().date());
        return export(&corpus, path);
    }
    let committed = Report::read(Path::new(COMMITTED))?;
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if cfg!(debug_assertions) {
        progress("this is a debug build: its figures mean nothing");
    }
    // Building takes the cores, and its time is no part of anything measured.
    tokio::task::spawn_blocking(llm_log_binary).await?;
    let (sections, json) = (args.sections(), args.json.clone());
    let mut lab = Lab::new(args)?;
    let measuring = async {
        for section in sections {
            progress(&format!("measuring {section:?}"));
            sections::measure(section, &mut lab).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        measured = measuring => measured?,
        // Processes and folders of the run go with what holds them.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
    }
    let about = About {
        machine: Machine::of_this(),
        profile: profile.to_owned(),
        calls: lab.args.calls,
        corpus: lab.corpus.name()?,
        seconds: lab.args.seconds,
    };
    let report = Report { about, rows: lab.rows };
    line(&format!(
        "{} calls ({}), {profile} build, {}\n",
        report.about.calls, report.about.corpus, report.about.machine
    ));
    line(&table(&report.rows));
    for told in moved(committed.as_ref(), &report) {
        line(&told);
    }
    if let Some(path) = json {
        report.write(&path)?;
    }
    Ok(())
}
