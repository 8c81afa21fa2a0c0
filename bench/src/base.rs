//! The base: a data folder with all calls in log and index, half of them told by two events, that reads, freshness,
//! memory and restarts are measured on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use schemas::id::{Partition, home_partition};
use schemas::time::Date;
use serde::{Deserialize, Serialize};

use crate::corpus::{Call, Corpus, LOG_PARTITIONS, Mix, Sampler, Words, recorded};
use crate::lab::{Lab, PATIENCE, Running, append, with_log};
use crate::output::progress;
use crate::process::{Cost, copy_folder, folder_bytes};

const ABOUT: &str = "about.json";

/// A base that is ready.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// The data folder. Of a base that is kept, a copy of this run.
    pub(crate) data: PathBuf,
    pub(crate) about: Arc<About>,
    /// What building the index of its log took; absent when an earlier run did it.
    pub(crate) built: Option<Cost>,
}

/// What is known of a base. Written last, so that one without it is not whole.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct About {
    corpus: String,
    calls: u64,
    until_ms: i64,
    pub(crate) events: u64,
    /// Of all events.
    pub(crate) event_bytes: u64,
    /// Of all calls, each told by one event.
    pub(crate) call_bytes: u64,
    /// On disk, once merges have ended.
    pub(crate) index_bytes: u64,
    pub(crate) log_bytes: u64,
    pub(crate) words: Words,
}

impl Base {
    /// The base of the corpus: a copy of the one that an earlier run kept, or a new one.
    pub(crate) async fn of(lab: &Lab) -> Result<Self> {
        let Some(kept) = &lab.args.data else {
            let folder = lab.scratch("base");
            let (about, built) = build(&lab.corpus, &folder).await?;
            return Ok(Self { data: folder.join("data"), about: Arc::new(about), built: Some(built) });
        };
        let folder = kept.join(format!("base-{}", lab.corpus.calls()));
        let known = read(&folder, &lab.corpus)?;
        let (about, built) = if let Some(about) = known {
            progress(&format!("using the base in {}", folder.display()));
            (about, None)
        } else {
            let (about, built) = build(&lab.corpus, &folder).await?;
            (about, Some(built))
        };
        let data = lab.scratch("data");
        progress("copying the base");
        copy_folder(&folder.join("data"), &data)?;
        Ok(Self { data, about: Arc::new(about), built })
    }
}

/// What is known of a base in this folder, if it is whole and of this corpus.
fn read(folder: &Path, corpus: &Corpus) -> Result<Option<About>> {
    let path = folder.join(ABOUT);
    if !path.exists() {
        return Ok(None);
    }
    let about: About =
        serde_json::from_str(&fs::read_to_string(&path)?).with_context(|| format!("{} is unknown", path.display()))?;
    Ok((about.corpus == corpus.name()? && about.calls == corpus.calls()).then_some(about))
}

async fn build(corpus: &Corpus, folder: &Path) -> Result<(About, Cost)> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} can't be removed", folder.display()))?;
    }
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    progress(&format!("writing the log of {} calls, half of them of two events", corpus.calls()));
    let (words, call_bytes) = sample(corpus)?;
    let (events, event_bytes) = with_log(&data, async |log| append(log, records(corpus, Mix::Updated)?).await).await?;
    progress("building the index of it");
    let (built, running) = project(&data).await?;
    running.stop().await?;
    let about = About {
        corpus: corpus.name()?,
        calls: corpus.calls(),
        until_ms: corpus.until().0,
        events,
        event_bytes,
        call_bytes,
        index_bytes: folder_bytes(&data.join("index"))?,
        log_bytes: folder_bytes(&data.join("log"))?,
        words,
    };
    fs::write(folder.join(ABOUT), serde_json::to_string(&about)?)?;
    Ok((about, built))
}

/// Starts llm-log on a log that it has not read. The time is that until all is visible; the CPU's includes the merges.
pub(crate) async fn project(data: &Path) -> Result<(Cost, Running)> {
    let begun = Instant::now();
    let running = Running::spawn(data, &[])?.ready().await?;
    let seconds = begun.elapsed().as_secs_f64();
    running.process.rest(PATIENCE).await?;
    let cpu_seconds = running.process.cpu_seconds()?;
    Ok((Cost { seconds, cpu_seconds }, running))
}

/// The events of a corpus as records.
pub(crate) fn records(corpus: &Corpus, mix: Mix) -> Result<impl Iterator<Item = Result<(Partition, Bytes)>>> {
    Ok(corpus.events(mix)?.map(|event| {
        let event = event?;
        Ok((home_partition(event.key.call, LOG_PARTITIONS), event.encode().into()))
    }))
}

fn sample(corpus: &Corpus) -> Result<(Words, u64)> {
    let (mut sampler, mut bytes) = (Sampler::new(corpus.calls()), 0);
    for call in corpus.all()? {
        let call: Call = call?;
        sampler.look_at(&call);
        bytes += recorded(&call).encode().len() as u64;
    }
    Ok((sampler.finish(), bytes))
}

impl About {
    /// When the newest call was created, but for the one of the future.
    pub(crate) fn until(&self) -> Date {
        Date(self.until_ms)
    }
}
