//! Runs conformance cases against a fresh llm-log, or keeps one with their fixtures running.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use testkit::conformance::{Case, Fixtures, Form, run, start_server, start_server_at};
use testkit::llm_log_binary;

/// Start a fresh llm-log, load fixtures through its front doors and run conformance cases against it
#[derive(Debug, Parser)]
struct Args {
    /// File with the data behind the cases
    #[arg(long, value_name = "FILE")]
    fixtures: PathBuf,
    /// File with the cases
    #[arg(long, value_name = "FILE", required_unless_present = "serve")]
    cases: Option<PathBuf>,
    /// Form of the API: docs or oneuptime
    #[arg(long, value_name = "FORM", default_value = "docs")]
    compat: Form,
    /// Run only the cases of this tier
    #[arg(long, value_name = "TIER")]
    tier: Option<String>,
    /// Load the fixtures, run the cases if there are some, and keep serving here until Ctrl-C
    #[arg(long, value_name = "ADDR:PORT")]
    serve: Option<SocketAddr>,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the report is what this command is for")]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let fixtures = Fixtures::read(&args.fixtures)?;
    let mut cases = args.cases.as_deref().map(Case::read).transpose()?.unwrap_or_default();
    if let Some(tier) = &args.tier {
        cases.retain(|case| case.tier.as_ref() == Some(tier));
    }
    let folder = tempfile::tempdir()?;
    let server = match args.serve {
        Some(listen) => start_server_at(llm_log_binary(), folder.path(), listen, &fixtures, args.compat).await?,
        None => start_server(llm_log_binary(), folder.path(), &fixtures, args.compat).await?,
    };
    let mut failed = false;
    if args.cases.is_some() {
        let report = run(&server.client(), &fixtures, &cases, args.compat).await;
        failed = !report.failed.is_empty();
        println!("{report}");
    }
    if args.serve.is_some() {
        println!("serving the fixtures at {} until Ctrl-C", server.url());
        tokio::signal::ctrl_c().await?;
    }
    server.terminate().await?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
