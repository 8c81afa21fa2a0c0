//! Which letters there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use event_log::{EventLog as _, KafkaLog, LogRecord, Topic};
use ingest::{DeadLetter, Origin};
use schemas::positions::Offset;

/// How long one read of the topic waits.
const WAIT: Duration = Duration::from_millis(500);
/// How long nothing may come before the topic counts as unreadable.
const PATIENCE: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 8 * 1024 * 1024;

/// Every letter once, the newest last.
pub(super) struct Catalog {
    pub(super) entries: Vec<Entry>,
    /// How many records of the topic are no letters.
    pub(super) others: u64,
    /// The first of them, and why.
    pub(super) first_other: Option<(Offset, String)>,
}

/// A letter without its bytes.
pub(super) struct Entry {
    /// Where the topic has its newest copy.
    pub(super) offset: Offset,
    pub(super) origin: Origin,
    pub(super) written_ms: i64,
    pub(super) source_bytes: Option<u64>,
    pub(super) is_cut: bool,
    pub(super) reason: String,
}

impl Catalog {
    pub(super) async fn read(log: &Arc<KafkaLog>) -> anyhow::Result<Self> {
        let bounds = log.bounds(Topic::DeadLetters, 0).await?;
        let log = Arc::clone(log);
        tokio::task::spawn_blocking(move || {
            let mut found = HashMap::new();
            let (mut others, mut first_other) = (0, None);
            walk(&log, bounds.start, bounds.end, |record| {
                let offset = record.position.offset;
                match DeadLetter::read(record) {
                    Ok(letter) => {
                        found.insert(record.key.clone(), letter.map(|letter| Entry::of(offset, letter)));
                    }
                    Err(error) => {
                        others += 1;
                        first_other.get_or_insert_with(|| (offset, error.to_string()));
                    }
                }
                Ok(())
            })?;
            let mut entries: Vec<Entry> = found.into_values().flatten().collect();
            entries.sort_unstable_by_key(|entry| entry.offset);
            Ok(Self { entries, others, first_other })
        })
        .await?
    }

    /// The one letter with this key, or whose id begins so.
    pub(super) fn find(&self, name: &str) -> anyhow::Result<&Entry> {
        let name = name.trim();
        ensure!(!name.is_empty(), "expected the id of a dead letter");
        let is_meant = |entry: &&Entry| {
            entry.origin.id().to_string().starts_with(&name.to_ascii_lowercase()) || entry.origin.to_string() == name
        };
        let mut meant = self.entries.iter().filter(is_meant);
        match (meant.next(), meant.count()) {
            (Some(entry), 0) => Ok(entry),
            (Some(_), more) => bail!("{} dead letters have an id that begins with {name:?}", more + 1),
            (None, _) => bail!("there is no dead letter with the id {name:?}"),
        }
    }
}

impl Entry {
    fn of(offset: Offset, letter: DeadLetter) -> Self {
        let DeadLetter { origin, written_ms, reason, cut, source_bytes, .. } = letter;
        Self { offset, origin, written_ms, source_bytes, is_cut: cut.is_some(), reason }
    }
}

/// Reads these letters whole, one after the other. Blocks.
pub(super) fn read_letters(
    log: &KafkaLog,
    wanted: &BTreeSet<Offset>,
    mut visit: impl FnMut(DeadLetter) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Ok(()) };
    walk(log, *first, last + 1, |record| match DeadLetter::read(record) {
        Ok(Some(letter)) if wanted.contains(&record.position.offset) => visit(letter),
        _ => Ok(()),
    })
}

/// Visits the records from one offset to just before another. Blocks.
fn walk(
    log: &KafkaLog,
    from: Offset,
    to: Offset,
    mut visit: impl FnMut(&LogRecord) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut next = from;
    let mut reader = log.reader(Topic::DeadLetters, &BTreeMap::from([(0, from)]))?;
    let mut last_progress = Instant::now();
    while next < to {
        let batch = reader.read(READ_BYTES, WAIT)?;
        for record in batch.records.iter().filter(|record| record.position.offset < to) {
            visit(record)?;
        }
        if let Some(read_to) = batch.next.get(&0) {
            next = *read_to;
            last_progress = Instant::now();
        }
        ensure!(last_progress.elapsed() < PATIENCE, "the dead letters can't be read beyond offset {next}");
    }
    Ok(())
}
