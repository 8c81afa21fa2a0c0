//! `llm-log`: the one binary. It joins the parts of llm-log into roles, and talks to roles that run.
//!
//! Only this crate reads the environment (through clap), writes to standard output and knows `anyhow`.

#[allow(clippy::doc_markdown, rustdoc::bare_urls, reason = "these doc comments are what --help prints")]
mod args;
mod logging;
mod output;

mod http;
mod log_access;
mod metrics;
mod roles;
mod shutdown;

mod client;
mod dead_letters;
mod import;
mod keys;
mod loadgen;
mod new_key;
mod plain_event;
mod samples;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use args::{Command, CommandLine, DeadLettersCommand, KeysCommand};

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    /// The command did its work and has something bad to tell; it has told it.
    Bad,
}

/// How long threads that still work may keep the process from leaving. What they have not committed is in the log.
const LEAVE: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    let line = CommandLine::parse();
    if let Err(error) = logging::start(&line.logging) {
        output::fail(&error);
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::fail(&anyhow::Error::new(error).context("the threads can't be started"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(line.command));
    runtime.shutdown_timeout(LEAVE);
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::FAILURE,
        Err(error) => {
            output::fail(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Serve(args) => roles::serve(args).await,
        Command::Ingest(args) => roles::ingest(args).await,
        Command::Projector(args) => roles::projector(args).await,
        Command::QueryApi(args) => roles::query_api(args).await,
        Command::Import(args) => import::import(args).await,
        Command::Loadgen(args) => loadgen::loadgen(args).await,
        Command::Keys(KeysCommand::Create(args)) => keys::create(args).await,
        Command::Keys(KeysCommand::List(args)) => keys::list(args).await,
        Command::Keys(KeysCommand::Revoke(args)) => keys::revoke(args).await,
        Command::DeadLetters(DeadLettersCommand::List(args)) => dead_letters::list(args).await,
        Command::DeadLetters(DeadLettersCommand::Show(args)) => dead_letters::show(args).await,
        Command::DeadLetters(DeadLettersCommand::Redrive(args)) => dead_letters::redrive(args).await,
        Command::Sweep(args) => roles::sweep(args).await,
        Command::Verify(args) => verify::verify(args).await,
    }
}
