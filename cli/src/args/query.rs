//! The query API's command, and what shapes its answers.

use std::time::Duration;

use clap::{Args, ValueEnum};
use query_api::Compat;
use reqwest::Url;

use super::auth::{InternalSecretArgs, MasterKeyArgs};
use super::client::parse_server_url;
use super::http::ListenArgs;
use super::kafka::BrokerArgs;
use super::span::parse_span;

#[derive(Debug, Args)]
#[command(next_help_heading = "Queries")]
pub(crate) struct QueryArgs {
    /// Form of the API's answers
    #[arg(long, value_name = "FORM", env = "LLM_LOG_COMPAT", default_value = "docs")]
    compat: CompatArg,
    /// Time limit of one query
    #[arg(long, value_name = "TIME", env = "LLM_LOG_QUERY_TIMEOUT", default_value = "10s", value_parser = parse_span)]
    pub(crate) query_timeout: Duration,
    /// How long a read waits for the positions that a client names in Llm-Log-Consistent-With
    #[arg(
        long,
        value_name = "TIME",
        env = "LLM_LOG_CONSISTENCY_TIMEOUT",
        default_value = "5s",
        value_parser = parse_span
    )]
    pub(crate) consistency_timeout: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CompatArg {
    /// As documented: bare ids and dates
    Docs,
    /// As OneUptime 12 answers: wrapped ids and dates
    Oneuptime,
}

impl QueryArgs {
    pub(crate) fn compat(&self) -> Compat {
        match self.compat {
            CompatArg::Docs => Compat::Docs,
            CompatArg::Oneuptime => Compat::OneUptime,
        }
    }
}

/// Who has the index.
#[derive(Debug, Args)]
#[command(next_help_heading = "Projectors")]
pub(crate) struct ProjectorUrlsArgs {
    /// Internal listener of a projector, such as http://projector:8090; may be given many times, or several with commas
    /// between
    #[arg(
        long = "projector",
        value_name = "URL",
        env = "LLM_LOG_PROJECTOR",
        required = true,
        value_delimiter = ',',
        value_parser = parse_server_url,
        num_args = 1..
    )]
    pub(crate) projectors: Vec<Url>,
}

/// Run the query API alone: answers the API's requests by asking projectors.
#[derive(Debug, Args)]
pub(crate) struct QueryApiArgs {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) projectors: ProjectorUrlsArgs,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
    #[command(flatten)]
    pub(crate) kafka: BrokerArgs,
    #[command(flatten)]
    pub(crate) secret: InternalSecretArgs,
    #[command(flatten)]
    pub(crate) master_key: MasterKeyArgs,
}
