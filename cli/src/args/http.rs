//! Where HTTP is served.

use std::net::SocketAddr;

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct ListenArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", env = "LLM_LOG_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}
