//! The command line: what llm-log can be told, and the one place where its environment is read.

mod auth;
mod client;
mod data;
mod dead_letters;
mod http;
mod ingest;
mod kafka;
mod keys;
mod loadgen;
mod logging;
mod partitions;
mod projector;
mod query;
mod span;
mod sweep;

#[cfg(test)]
mod deployment_tests;
#[cfg(test)]
mod help_tests;

pub(crate) use auth::{InternalSecret, MasterKeyArgs};
pub(crate) use client::{ServerArgs, parse_server_url};
pub(crate) use data::DataArgs;
pub(crate) use dead_letters::{DeadLettersCommand, ListLettersArgs, RedriveArgs, ShowLetterArgs};
pub(crate) use http::ListenArgs;
pub(crate) use ingest::IngestLimitArgs;
pub(crate) use kafka::{BrokerArgs, KafkaArgs, KafkaSettings};
pub(crate) use keys::{CreateKeyArgs, KeyPlaceArgs, KeysCommand, ListKeysArgs, RevokeKeyArgs};
pub(crate) use loadgen::LoadgenArgs;
pub(crate) use logging::{LogFormat, LoggingArgs};
pub(crate) use projector::ProjectorArgs;
pub(crate) use query::{ProjectorUrlsArgs, QueryApiArgs, QueryArgs};
pub(crate) use sweep::{AbandonAfter, SweepArgs};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use reqwest::Url;

use kafka::parse_bootstrap;

/// Logs of LLM calls: published as events, kept in a log, searched over HTTP.
#[derive(Debug, Parser)]
#[command(name = "llm-log", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) logging: LoggingArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUS: &str = "Exit status: 0 done, 1 failed, 2 wrong usage.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(ServeArgs),
    Ingest(IngestArgs),
    Projector(ProjectorArgs),
    QueryApi(QueryApiArgs),
    Import(ImportArgs),
    Loadgen(LoadgenArgs),
    #[command(subcommand)]
    Keys(KeysCommand),
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    Sweep(SweepArgs),
    Verify(VerifyArgs),
}

/// Run everything in one process: ingest, index and API on one port.
///
/// Without --kafka the log is kept in the data folder and nothing else is needed. On a new log, a project
/// "default" is made and its key printed, once.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) kafka: KafkaArgs,
    #[command(flatten)]
    pub(crate) master_key: MasterKeyArgs,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
    #[command(flatten)]
    pub(crate) ingest: IngestLimitArgs,
    /// How long a call may run before it is shown as Abandoned; off lets it run for ever
    #[arg(long, value_name = "TIME", env = "LLM_LOG_ABANDON_AFTER", default_value = "1h", help_heading = "Ingest")]
    pub(crate) abandon_after: AbandonAfter,
    /// Load the sample calls into the project "sample", and print a key for it that is good for a day
    #[arg(long, env = "LLM_LOG_SAMPLE")]
    pub(crate) sample: bool,
}

/// Run the way in alone: checks events from HTTP and from the inbox topic and appends them to the log.
#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) kafka: BrokerArgs,
    #[command(flatten)]
    pub(crate) master_key: MasterKeyArgs,
    #[command(flatten)]
    pub(crate) limits: IngestLimitArgs,
}

/// Publish LLM Log objects of a file, one JSON object a line, plain or gzip.
///
/// A call's id is its _id and its event's time its updatedAt, else createdAt, else requestCompletedAt, else
/// requestStartedAt, so that importing a file twice changes nothing, and of two exports of a call the one that was
/// updated later counts. The calls go to the key's project, whatever their projectId.
/// Lines that are refused are listed, and the exit status is then 1.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// File to read; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Compare index, counters and log, and list what differs.
///
/// Exit status 1 when there are differences.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Data folder whose index to verify; no server may run on it
    #[arg(long, value_name = "DIR", required_unless_present = "url")]
    pub(crate) data: Option<PathBuf>,
    /// Kafka brokers that hold the log; without them it is in the data folder
    #[arg(long, value_name = "BOOTSTRAP", requires = "data", value_parser = parse_bootstrap)]
    pub(crate) kafka: Option<String>,
    #[command(flatten)]
    pub(crate) settings: KafkaSettings,
    /// Process with the index (serve, or a projector's internal listener); it verifies itself without stopping
    #[arg(long, value_name = "URL", value_parser = parse_server_url, conflicts_with = "data", requires = "master_key_file")]
    pub(crate) url: Option<Url>,
    #[command(flatten)]
    pub(crate) master_key: MasterKeyArgs,
}
