//! Logs to stderr.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, LoggingArgs};

/// Libraries that tell much of their own daily work.
const QUIET: &str = "tantivy=warn,fjall=warn,lsm_tree=warn,rdkafka=warn,hyper=warn,h2=warn";

/// Starts to log. What the operator asks for comes after, and so above, what is quiet by itself.
pub(crate) fn start(args: &LoggingArgs) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .parse(format!("{QUIET},{}", args.log))
        .with_context(|| format!("--log {:?} is no filter of log lines", args.log))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // Where a line can't be written, what says so would panic.
        .log_internal_errors(false);
    match args.log_format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}
