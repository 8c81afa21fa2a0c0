//! Opening the log, wherever it is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use event_log::{
    AppendError, DataFolder, EmbeddedLog, EmbeddedOptions, EventLog, KafkaLog, KafkaOptions, LogIdError, ReadLogError,
    log_id, new_log_id,
};
use schemas::id::LogId;
use schemas::time::Clock;

use crate::args::KafkaSettings;

/// How long commands that are no server wait for the broker.
pub(crate) const COMMAND_WAIT: Duration = Duration::from_secs(15);
/// How long to wait before the log's identity is asked for again.
const RETRY: Duration = Duration::from_secs(1);

/// A log and its identity.
#[derive(Debug, Clone)]
pub(crate) struct OpenLog {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) id: LogId,
}

/// Takes a data folder for this process.
pub(crate) async fn open_folder(path: &Path) -> anyhow::Result<DataFolder> {
    let path = path.to_owned();
    Ok(tokio::task::spawn_blocking(move || DataFolder::open(&path)).await??)
}

/// The log in a data folder.
pub(crate) async fn open_embedded(folder: &DataFolder, partitions: u32) -> anyhow::Result<OpenLog> {
    let path = folder.log();
    // A new log would take events beside those of one that is only out of sight.
    if folder.index().exists() && !path.exists() {
        bail!(
            "{} has an index and no log: mount or restore its log; or, if the index is of a log on Kafka, name another folder",
            folder.path().display()
        );
    }
    folder.raise_format()?;
    let options = EmbeddedOptions { partitions, clock: Clock::system() };
    let opened = tokio::task::spawn_blocking(move || EmbeddedLog::open(&path, options)).await?;
    let log: Arc<dyn EventLog> =
        Arc::new(opened.with_context(|| format!("the log in {} can't be opened", folder.path().display()))?);
    let id = log_id(&log, new_log_id()).await.context("the log has no identity")?;
    Ok(OpenLog { log, id })
}

/// The log on Kafka, for a server: waits for the broker as long as it takes, and tells what it waits for.
pub(crate) async fn open_kafka(options: KafkaOptions, wait_for: impl Fn(String)) -> anyhow::Result<OpenLog> {
    let log = KafkaLog::open_telling(options, |error| wait_for(error.to_string())).await?;
    let log: Arc<dyn EventLog> = Arc::new(log);
    let mut told = false;
    loop {
        match log_id(&log, new_log_id()).await {
            Ok(id) => return Ok(OpenLog { log, id }),
            Err(error) if may_pass(&error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(error = %error, "the log's identity can't be read; trying again");
                }
                wait_for(format!("the log's identity can't be read: {error}"));
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error).context("the log has no identity"),
        }
    }
}

/// The log on Kafka without its identity, for a command that somebody waits for.
pub(crate) async fn connect_kafka_now(bootstrap: &str, settings: &KafkaSettings) -> anyhow::Result<Arc<KafkaLog>> {
    let options = KafkaOptions { startup_timeout: Some(COMMAND_WAIT), ..settings.options(bootstrap)? };
    Ok(Arc::new(KafkaLog::open(options).await?))
}

/// The log on Kafka, for a command that somebody waits for.
pub(crate) async fn open_kafka_now(bootstrap: &str, settings: &KafkaSettings) -> anyhow::Result<OpenLog> {
    let log: Arc<dyn EventLog> = connect_kafka_now(bootstrap, settings).await?;
    let id = log_id(&log, new_log_id()).await.context("the log has no identity")?;
    Ok(OpenLog { log, id })
}

fn may_pass(error: &LogIdError) -> bool {
    matches!(
        error,
        LogIdError::Read(ReadLogError::Unavailable { .. })
            | LogIdError::Append(AppendError::Unknown { .. } | AppendError::Refused { .. })
    )
}
