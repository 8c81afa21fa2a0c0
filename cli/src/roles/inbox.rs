//! The inbox of a log on Kafka.

use std::sync::Arc;

use ::ingest::{InboxLoop, InboxStatus, Ingest};
use anyhow::Context as _;
use event_log::{KafkaInbox, KafkaOptions};

/// Starts to take what producers send to the inbox, as a member of the group of all ingest processes of this log.
pub(super) async fn start_inbox(
    options: KafkaOptions,
    ingest: Arc<Ingest>,
    status: InboxStatus,
) -> anyhow::Result<InboxLoop> {
    let group = format!("{}.ingest", options.topic_prefix);
    let inbox = tokio::task::spawn_blocking(move || KafkaInbox::open(&options, &group)).await?;
    let inbox = inbox.context("the inbox can't be read")?;
    Ok(InboxLoop::start(ingest, inbox, tokio::runtime::Handle::current(), status)?)
}
