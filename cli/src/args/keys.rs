//! The commands for keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Url;
use schemas::access::Permission;
use schemas::id::KeyId;
use schemas::time::Timestamp;

use super::auth::MasterKeyArgs;
use super::client::parse_server_url;
use super::kafka::{KafkaSettings, parse_bootstrap};

/// Make, list and revoke API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    Create(CreateKeyArgs),
    List(ListKeysArgs),
    Revoke(RevokeKeyArgs),
}

/// Make a key and print it, alone, on standard output. It is shown this once; only its hash is stored.
///
/// The project is made when it is new.
#[derive(Debug, Args)]
pub(crate) struct CreateKeyArgs {
    #[command(flatten)]
    pub(crate) place: KeyPlaceArgs,
    /// Project of the key: its name or its id
    #[arg(long, value_name = "NAME-OR-ID", value_parser = parse_project)]
    pub(crate) project: String,
    /// What the key may do, such as ReadLlmLog, CreateLlmLogEvent, EraseLlmLog or ProjectOwner; may be given many times
    #[arg(long = "permission", value_name = "PERMISSION", required = true, value_parser = parse_permission)]
    pub(crate) permissions: Vec<Permission>,
    /// When the key ends, such as 2030-01-01T00:00:00Z; never when absent
    #[arg(long, value_name = "RFC3339", value_parser = Timestamp::parse)]
    pub(crate) expires: Option<Timestamp>,
    /// What the key is for, as keys list shows it
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
}

/// List the keys, without the keys themselves.
#[derive(Debug, Args)]
pub(crate) struct ListKeysArgs {
    #[command(flatten)]
    pub(crate) place: KeyPlaceArgs,
}

/// Revoke a key for ever. It stops working within two seconds wherever the log can be reached.
#[derive(Debug, Args)]
pub(crate) struct RevokeKeyArgs {
    #[command(flatten)]
    pub(crate) place: KeyPlaceArgs,
    /// Id of the key, as keys list shows it
    #[arg(value_name = "KEY-ID")]
    pub(crate) key: KeyId,
}

/// Where the keys are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct KeyPlaceArgs {
    #[command(flatten)]
    pub(crate) place: KeyPlace,
    #[command(flatten)]
    pub(crate) master_key: MasterKeyArgs,
    #[command(flatten)]
    pub(crate) settings: KafkaSettings,
}

/// One of the three places.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
#[group(required = true, multiple = false)]
pub(crate) struct KeyPlace {
    /// Data folder that holds the log, made when it is new; no server may run on it
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Kafka brokers that hold the log
    #[arg(long, value_name = "BOOTSTRAP", value_parser = parse_bootstrap)]
    pub(crate) kafka: Option<String>,
    /// Running server: serve, or ingest
    #[arg(long, value_name = "URL", value_parser = parse_server_url, requires = "master_key_file")]
    pub(crate) url: Option<Url>,
}

/// A text without a name in it.
#[derive(Debug, thiserror::Error)]
#[error("expected a name")]
struct Nameless;

fn parse_project(text: &str) -> Result<String, Nameless> {
    if text.trim().is_empty() { Err(Nameless) } else { Ok(text.trim().to_owned()) }
}

/// Any permission may stand on a key, but one that means nothing here is more likely misspelt.
#[derive(Debug, thiserror::Error)]
#[error("expected one of {}", Permission::KNOWN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "))]
struct UnknownPermission;

fn parse_permission(text: &str) -> Result<Permission, UnknownPermission> {
    let permission = Permission::of_name(text);
    let known = Permission::KNOWN.iter().any(|(name, _)| *name == permission.name());
    known.then_some(permission).ok_or(UnknownPermission)
}
