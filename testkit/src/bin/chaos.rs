//! Breaks llm-log while it works, and asks an oracle whether every answer is still right.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use testkit::chaos::{ChaosLog, ChaosOptions, Fault, run};
use testkit::llm_log_binary;

/// Run the real binary, send it events all the time, break it again and again, and compare every answer
#[derive(Debug, Parser)]
struct Args {
    /// Where the log is kept: in one process, or on Kafka with every role a process of its own
    #[arg(long, value_name = "LOG", default_value = "embedded")]
    log: Log,
    /// A Kafka to use, which is not broken; without it one is started that is
    #[arg(long, value_name = "BOOTSTRAP")]
    kafka: Option<String>,
    /// Fault to bring about; may be given many times, all when absent
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// The llm-log to break; built from here when absent
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// How many times each fault comes
    #[arg(long, value_name = "N", default_value_t = 20)]
    times: usize,
    /// Seconds after which no fault comes any more
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    seconds: u64,
    /// The same seed brings the same faults at the same moments
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    Embedded,
    Kafka,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the report is what this command is for")]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let log = match (args.log, args.kafka) {
        (Log::Embedded, _) => ChaosLog::Embedded,
        (Log::Kafka, None) => ChaosLog::OwnKafka,
        (Log::Kafka, Some(bootstrap)) => ChaosLog::Kafka { bootstrap },
    };
    let seed = args.seed.unwrap_or_else(rand::random);
    let start = Instant::now();
    println!("seed {seed}");
    let faults = if args.faults.is_empty() { Fault::value_variants().to_vec() } else { args.faults };
    let options = ChaosOptions {
        binary: args.binary.unwrap_or_else(|| llm_log_binary().to_owned()),
        log,
        seed,
        faults: faults.into_iter().map(|fault| (fault, args.times)).collect(),
        within: Duration::from_secs(args.seconds),
        tell: Arc::new(move |line| println!("{:>5} s  {line}", start.elapsed().as_secs())),
    };
    let report = run(&options).await?;
    println!("{report}");
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
