//! The projector's command.

use std::net::SocketAddr;

use clap::Args;

use super::auth::{InternalSecretArgs, MasterKeyArgs};
use super::data::DataArgs;
use super::kafka::BrokerArgs;
use super::partitions::PartitionList;

/// Run a projector alone: reads the log from Kafka, keeps the index of its partitions and answers query-api.
#[derive(Debug, Args)]
pub(crate) struct ProjectorArgs {
    /// Partitions to read, such as 0-7 or 0,3,8-11; all when absent. An index belongs to one list
    #[arg(long, value_name = "LIST", env = "LLM_LOG_PARTITIONS")]
    pub(crate) partitions: Option<PartitionList>,
    /// Address and port to listen on for query-api; belongs on a private network. Port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "LLM_LOG_INTERNAL_LISTEN",
        default_value = "127.0.0.1:8090",
        help_heading = "HTTP"
    )]
    pub(crate) internal_listen: SocketAddr,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) kafka: BrokerArgs,
    #[command(flatten)]
    pub(crate) secret: InternalSecretArgs,
    #[command(flatten)]
    pub(crate) master_key: MasterKeyArgs,
}
