//! The commands for dead letters.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::kafka::BrokerArgs;

/// List, show and send again what the inbox could not take.
///
/// Ingest puts each record of the inbox topic that it has to refuse into the topic of dead letters, with the reason,
/// its place and its bytes. A letter is known by a short id, or by its whole key. Letters stay until somebody
/// deletes them from the topic.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    List(ListLettersArgs),
    Show(ShowLetterArgs),
    Redrive(RedriveArgs),
}

/// List the letters, the newest last.
#[derive(Debug, Args)]
pub(crate) struct ListLettersArgs {
    /// Greatest number of letters to list: the newest ones
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) kafka: BrokerArgs,
}

/// Show one letter: where it came from, why it was refused, its key, headers and bytes.
///
/// Bytes that no terminal can show are shown as escapes; --output gives them as they are.
#[derive(Debug, Args)]
pub(crate) struct ShowLetterArgs {
    /// Id of the letter as the list shows it, or the first digits of it, or its key
    #[arg(value_name = "ID")]
    pub(crate) letter: String,
    /// File for the bytes, as they are; - writes them alone on standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) kafka: BrokerArgs,
}

/// Send letters to the inbox again: the original bytes, key and headers.
///
/// For letters that ingest can take by now, such as after an upgrade. A record that is sent again keeps the time and
/// the ids that ingest made for it the first time, so that sending it twice is harmless. Its letter stays in the
/// topic, whatever becomes of it; one that is refused again is the same letter, with its new reason. A letter whose
/// bytes were cut can't be sent again. Exit status 1 when a letter was not sent.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(crate) struct RedriveArgs {
    /// Ids of letters as the list shows them, or the first digits of them, or their keys
    #[arg(value_name = "ID", group = "which")]
    pub(crate) letters: Vec<String>,
    /// Every letter there is
    #[arg(long, group = "which")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) kafka: BrokerArgs,
}
