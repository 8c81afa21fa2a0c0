//! Calls that arrive while something is measured: new ones, of now, by all projects.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use schemas::id::{CallId, Partition};
use schemas::positions::Offset;
use schemas::time::Clock;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Builder;

use crate::corpus::{Corpus, Project, Stamp, Template, Words, projects};
use crate::http::{Reply, post};
use crate::load::{Plan, Rhythm, Traffic};

/// Calls of one append, where nothing else is said: producers with much to say send several at once.
pub(crate) const BATCH: u32 = 10;
/// Appends that can be under way at once.
const CLIENTS: usize = 64;
/// Texts that calls are made of, again and again.
const TEMPLATES: usize = 2000;

/// Appends of a number of calls each, all of one project.
#[derive(Debug)]
pub(crate) struct Live {
    texts: Arc<Texts>,
    calls: u32,
    /// Whose calls they are; all projects' when absent.
    project: Option<usize>,
    /// Who is told of calls that are acknowledged.
    told: Vec<mpsc::UnboundedSender<Vec<Acknowledged>>>,
}

/// A call that the log has.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) at: Instant,
    pub(crate) project: usize,
    pub(crate) stamp: Stamp,
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
}

/// What new calls are made of.
#[derive(Debug)]
pub(crate) struct Texts {
    /// By project.
    templates: Vec<Vec<Template>>,
    next: AtomicU64,
    clock: Clock,
}

#[derive(Deserialize)]
struct Receipt {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    partition: Partition,
    offset: Offset,
}

impl Texts {
    pub(crate) fn new(corpus: &Corpus) -> Result<Arc<Self>> {
        let mut patterns = corpus.patterns()?;
        let mut templates = Vec::new();
        for project in projects() {
            // As many as there are calls of the project, by Zipf's law.
            let count = (TEMPLATES / 4 / (project.number + 1)).max(10);
            let of_project = patterns.by_ref().take(count).map(|pattern| Template::new(project, pattern?));
            templates.push(of_project.collect::<Result<Vec<_>>>()?);
        }
        // Runs on the same base begin at different words.
        let next = AtomicU64::new(rand::rng().next_u64() % 0x0fff_ffff);
        Ok(Arc::new(Self { templates, next, clock: Clock::system() }))
    }

    /// A call of a project as JSON, and what tells it apart.
    pub(crate) fn call(&self, project: usize, random: &mut StdRng, to: &mut Vec<u8>) -> Stamp {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % 0x0fff_ffff;
        let created = self.clock.now().date();
        let mut bytes = [0; 10];
        random.fill_bytes(&mut bytes);
        let millis = u64::try_from(created.0).unwrap_or_default();
        let id = CallId(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid());
        // No call of a corpus has a word like this.
        let stamp = Stamp { id, token: format!("z{number:07x}"), created };
        if let Some(template) = self.templates.get(project).and_then(|templates| templates.choose(random)) {
            template.write(&stamp, to);
        }
        stamp
    }
}

impl Live {
    /// Appends of this many calls each.
    pub(crate) fn new(texts: &Arc<Texts>, calls: u32) -> Self {
        Self { texts: Arc::clone(texts), calls, project: None, told: Vec::new() }
    }

    pub(crate) fn of_project(mut self, project: usize) -> Self {
        self.project = Some(project);
        self
    }

    /// Tells of every call that is acknowledged.
    pub(crate) fn telling(mut self, acknowledged: mpsc::UnboundedSender<Vec<Acknowledged>>) -> Self {
        self.told.push(acknowledged);
        self
    }

    /// Bytes of an event, on average.
    pub(crate) fn bytes(&self) -> u64 {
        let sizes = self.texts.templates.iter().flatten().map(|template| template.bytes() as u64);
        let (count, sum) = sizes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        sum / u64::max(count, 1)
    }
}

impl Traffic for Live {
    type Sent = (usize, Vec<Stamp>);

    fn request(&self, random: &mut StdRng) -> (Vec<u8>, Self::Sent) {
        let project = self.project.unwrap_or_else(|| Words::project(random));
        let mut body = Vec::new();
        let mut stamps = Vec::new();
        for call in 0..self.calls {
            body.push(if call == 0 { b'[' } else { b',' });
            stamps.push(self.texts.call(project, random, &mut body));
        }
        body.push(b']');
        (post("/v1/events", &key(project).key, &body), (project, stamps))
    }

    fn answered(&self, (project, stamps): Self::Sent, reply: &Reply<'_>) -> Result<()> {
        if self.told.is_empty() {
            return Ok(());
        }
        let at = Instant::now();
        let receipt: Receipt = serde_json::from_slice(reply.body).context("a receipt is JSON")?;
        let calls = stamps.into_iter().zip(receipt.items);
        let calls: Vec<Acknowledged> = calls
            .map(|(stamp, Item { partition, offset })| Acknowledged { at, project, stamp, partition, offset })
            .collect();
        for told in &self.told {
            // Whoever wanted to know may have gone.
            let _ = told.send(calls.clone());
        }
        Ok(())
    }
}

/// So many calls a second, in appends of [`BATCH`].
pub(crate) fn arriving(calls_per_second: u32, duration: Duration) -> Plan {
    let per_second = f64::from(calls_per_second) / f64::from(BATCH);
    Plan { clients: CLIENTS, rhythm: Rhythm::Open { per_second }, duration }
}

/// The project with this number, for its key.
pub(crate) fn key(project: usize) -> &'static Project {
    projects().get(project).expect("projects are numbered from 0")
}
