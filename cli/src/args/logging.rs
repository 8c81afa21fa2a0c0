//! What the process says of itself on stderr.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LoggingArgs {
    /// What to log on stderr: a level, or levels by module such as warn,event_log=debug
    #[arg(long, value_name = "FILTER", env = "LLM_LOG_LOG", default_value = "info", global = true)]
    pub(crate) log: String,
    /// Format of log lines on stderr
    #[arg(long, value_name = "FORMAT", env = "LLM_LOG_LOG_FORMAT", default_value = "text", global = true)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
}
