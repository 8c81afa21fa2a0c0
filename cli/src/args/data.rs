//! Where data is kept on this machine.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct DataArgs {
    /// Folder for the index and, without Kafka, the log; made when it is new. One process at a time
    #[arg(long, value_name = "DIR", env = "LLM_LOG_DATA", default_value = "llm-log-data")]
    pub(crate) data: PathBuf,
}
