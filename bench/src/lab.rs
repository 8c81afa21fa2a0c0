//! What sections share: the corpus, the base, the limits, and processes of llm-log.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use event_log::{
    DataFolder, EmbeddedLog, EmbeddedOptions, EventLog, NewRecord, Topic, append_reference, log_id, new_log_id,
};
use schemas::id::Partition;
use schemas::time::Clock;
use tempfile::TempDir;
use testkit::{Server, free_port, llm_log_binary};

use crate::args::Args;
use crate::base::Base;
use crate::broker::Broker;
use crate::corpus::{Corpus, LOG_PARTITIONS, Mix, Project, Spool, projects};
use crate::limits::raw_index;
use crate::live::Texts;
use crate::output::progress;
use crate::process::{Cost, Process, megabytes};
use crate::report::Row;

/// Limits of ingest that no load here reaches.
pub(crate) const NO_LIMITS: [&str; 4] =
    ["--project-events-per-second", "10000000", "--project-burst-events", "10000000"];
/// How long llm-log may take to read a log of any size that is measured.
pub(crate) const PATIENCE: Duration = Duration::from_hours(4);
/// Records of one append.
const APPEND_RECORDS: usize = 1000;

/// The place where everything is measured.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) args: Args,
    pub(crate) corpus: Corpus,
    pub(crate) rows: Vec<Row>,
    folder: TempDir,
    base: Option<Base>,
    spool: Option<Spool>,
    raw: Option<Raw>,
    broker: Option<std::result::Result<Broker, String>>,
    texts: Option<Arc<Texts>>,
}

/// What tantivy alone makes of the recorded calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw {
    pub(crate) threads: usize,
    pub(crate) megabytes: f64,
    pub(crate) one: Cost,
    /// With a thread for each core.
    pub(crate) all: Cost,
}

/// A process of llm-log.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
}

impl Lab {
    pub(crate) fn new(args: Args) -> Result<Self> {
        let corpus = Corpus::new(args.file.as_deref(), args.calls, Clock::system().now().date());
        let folder = tempfile::tempdir()?;
        Ok(Self {
            args,
            corpus,
            rows: Vec::new(),
            folder,
            base: None,
            spool: None,
            raw: None,
            broker: None,
            texts: None,
        })
    }

    /// A path that goes away at the end of the run.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn seconds(&self, share: f64) -> Duration {
        Duration::from_secs(self.args.seconds).mul_f64(share)
    }

    /// The base of calls, built when it is first asked for.
    pub(crate) async fn base(&mut self) -> Result<Base> {
        if self.base.is_none() {
            self.base = Some(Base::of(self).await?);
        }
        self.base.clone().context("it was just built")
    }

    /// The recorded calls, written once.
    pub(crate) fn spool(&mut self) -> Result<Spool> {
        if self.spool.is_none() {
            progress(&format!("writing {} calls", self.args.calls));
            self.spool = Some(Spool::write(&self.scratch("spool"), self.corpus.events(Mix::Recorded)?)?);
        }
        self.spool.clone().context("it was just written")
    }

    /// tantivy alone, measured when it is first asked for.
    pub(crate) fn raw(&mut self) -> Result<Raw> {
        if self.raw.is_none() {
            let spool = self.spool()?;
            let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
            let (one, all) = (self.index_alone(&spool, 1)?, self.index_alone(&spool, threads)?);
            self.raw = Some(Raw { threads, megabytes: megabytes(spool.bytes), one, all });
        }
        self.raw.context("it was just measured")
    }

    /// The same, with a thread for each core, before and after what was measured since: a machine is not as fast the whole
    /// time. The next is compared with what was measured last.
    pub(crate) fn raw_around(&mut self) -> Result<Raw> {
        let (before, spool) = (self.raw()?, self.spool()?);
        let after = Raw { all: self.index_alone(&spool, before.threads)?, ..before };
        self.raw = Some(after);
        Ok(Raw { all: before.all.mean(after.all), ..before })
    }

    fn index_alone(&self, spool: &Spool, threads: usize) -> Result<Cost> {
        progress("indexing with tantivy alone");
        raw_index(spool, threads, &self.scratch("raw"))
    }

    /// The broker, started when it is first asked for; why there is none.
    pub(crate) fn broker(&mut self) -> Result<std::result::Result<String, String>> {
        if self.broker.is_none() {
            self.broker = Some(Broker::open(self.args.kafka.as_deref())?);
        }
        Ok(match &self.broker {
            Some(Ok(broker)) => Ok(broker.bootstrap.clone()),
            Some(Err(why)) => Err(why.clone()),
            None => Err("there is no broker".to_owned()),
        })
    }

    /// What calls that arrive are made of.
    pub(crate) fn texts(&mut self) -> Result<Arc<Texts>> {
        if self.texts.is_none() {
            self.texts = Some(Texts::new(&self.corpus)?);
        }
        self.texts.clone().context("they were just made")
    }
}

impl Running {
    /// `llm-log serve` on a data folder; ready or not.
    pub(crate) fn spawn(data: &Path, more: &[&str]) -> Result<Self> {
        let data = data.display().to_string();
        let mut args = vec!["serve", "--data", &data, "--listen"];
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        args.push(&listen);
        args.extend(more);
        Self::of(&args, port)
    }

    /// Any role that listens on this port, as its arguments say; ready or not.
    pub(crate) fn of(args: &[&str], port: u16) -> Result<Self> {
        let server = Server::spawn(llm_log_binary(), args, port)?;
        let process = Process::new(server.process_id());
        Ok(Self { server, address: SocketAddr::from(([127, 0, 0, 1], port)), process })
    }

    pub(crate) async fn ready(self) -> Result<Self> {
        self.server.ready(PATIENCE).await?;
        Ok(self)
    }

    /// Ends it as a service manager does.
    pub(crate) async fn stop(self) -> Result<()> {
        let ended = self.server.terminate().await?;
        anyhow::ensure!(ended.status.success(), "llm-log ended with {}: {}", ended.status, ended.stderr);
        Ok(())
    }
}

/// The embedded log in a data folder that no process has, with all projects and their keys in it, handed to whoever
/// writes it.
pub(crate) async fn with_log<T>(data: &Path, write: impl AsyncFnOnce(&dyn EventLog) -> Result<T>) -> Result<T> {
    let folder = DataFolder::open(data)?;
    let options = EmbeddedOptions { partitions: LOG_PARTITIONS.get(), clock: Clock::system() };
    let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(&folder.log(), options)?);
    put_projects(&log).await?;
    let written = write(&*log).await;
    // Waits for the writer's thread.
    tokio::task::spawn_blocking(move || drop(log)).await?;
    written
}

/// Names the log and puts all projects and their keys in force.
pub(crate) async fn put_projects(log: &Arc<dyn EventLog>) -> Result<()> {
    log_id(log, new_log_id()).await?;
    let records: Vec<_> = projects().iter().flat_map(Project::records).collect();
    append_reference(&**log, &records).await?;
    Ok(())
}

/// Appends events; how many, and their bytes.
pub(crate) async fn append<E: Into<anyhow::Error>>(
    log: &dyn EventLog,
    events: impl Iterator<Item = std::result::Result<(Partition, Bytes), E>>,
) -> Result<(u64, u64)> {
    let (mut count, mut bytes) = (0, 0);
    let mut events = events.peekable();
    while events.peek().is_some() {
        let mut records = Vec::with_capacity(APPEND_RECORDS);
        for event in events.by_ref().take(APPEND_RECORDS) {
            let (partition, value) = event.map_err(Into::into)?;
            count += 1;
            bytes += value.len() as u64;
            records.push(NewRecord { partition, key: Bytes::new(), value: Some(value), headers: Vec::new() });
        }
        log.append(Topic::Calls, records).await?;
    }
    Ok((count, bytes))
}
