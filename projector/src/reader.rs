//! Reads of this process's index.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use schemas::id::home_partition;
use schemas::positions::Positions;
use schemas::query::Frequencies;
use schemas::reader::{
    Answer, CallReader, CountRequest, GetRequest, ListPage, ListRequest, ReadContext, ReadError, ReaderStatus,
    StatsRequest, WaitFor,
};
use schemas::row::Row;
use schemas::stats::StatsPage;
use tokio::task::JoinError;

use crate::item::item;
use crate::list::list;
use crate::relevance::frequencies;
use crate::search::{ReadThreads, Search, SearchError, Slots, Watch};
use crate::snapshot::{Served, SharedStatus, Snapshot, SnapshotCell};
use crate::sums::{count, stats};

/// Answers reads from the published snapshot, on threads of their own: of one scope as many at once as there are cores.
#[derive(Debug)]
pub struct IndexReader {
    cell: Arc<SnapshotCell>,
    status: Arc<SharedStatus>,
    slots: Arc<Slots>,
    threads: ReadThreads,
    texts_read: AtomicU64,
}

/// Ends a read that nobody waits for any more.
struct EndWhenDropped(Arc<Watch>);

impl Drop for EndWhenDropped {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl IndexReader {
    /// Fails when there can be no threads to read on.
    pub fn new(cell: Arc<SnapshotCell>, status: Arc<SharedStatus>) -> std::io::Result<Self> {
        let of_one_scope = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        let slots = Slots::new(of_one_scope);
        let threads = ReadThreads::new(slots.len())?;
        Ok(Self { cell, status, slots, threads, texts_read: AtomicU64::new(0) })
    }

    /// How many stored texts were read so far, to decide what the index alone could not.
    pub fn texts_read(&self) -> u64 {
        self.texts_read.load(Ordering::Relaxed)
    }

    /// How many reads wait until the log is read far enough.
    pub fn waiting_reads(&self) -> usize {
        self.cell.waiting_reads()
    }

    /// Carries a read out on one snapshot, whose positions the answer bears.
    async fn answer<T: Send + 'static>(
        &self,
        kind: &'static str,
        context: ReadContext,
        read: impl FnOnce(&Search) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<Answer<T>, ReadError> {
        if let Some(wait) = &context.wait_for {
            self.wait(&context, wait).await?;
        }
        let started = Instant::now();
        let watch = Watch::new(context.timeout);
        let slot = self.slots.take(context.scope, context.timeout).await?;
        let complete_to_ms = self.status.complete_to_ms();
        let snapshot = match &*self.cell.served() {
            Served::Snapshot(snapshot) => Arc::clone(snapshot),
            Served::Nothing(partitions) => {
                return Err(ReadError::Unavailable { partitions: partitions.clone() });
            }
        };
        let (partitions, positions) = partitions(&snapshot, context.partitions)?;
        let slots = Arc::clone(&self.slots);
        let search = Search { snapshot, scope: context.scope, partitions, watch: Arc::clone(&watch), slots };
        let _end = EndWhenDropped(Arc::clone(&watch));
        let running = self.threads.run(context.scope, move || {
            let found = read(&search);
            drop(slot);
            found
        });
        let found = running.await;
        // Code that decodes what is damaged may panic too.
        if found
            .as_ref()
            .map_or_else(JoinError::is_panic, |found| found.as_ref().is_err_and(SearchError::may_be_damage))
        {
            self.cell.checks().suspect();
        }
        let found =
            found.map_err(|error| ReadError::Internal { reason: format!("the read did not end: {error}") })??;
        let texts_read = watch.texts_read();
        self.texts_read.fetch_add(texts_read, Ordering::Relaxed);
        metrics::counter!("llm_log_index_texts_read_total", "kind" => kind).increment(texts_read);
        metrics::histogram!("llm_log_index_read_seconds", "kind" => kind).record(started.elapsed().as_secs_f64());
        Ok(Answer { content: found, positions, lag_ms: self.status.lag_ms_since(complete_to_ms) })
    }

    /// Waits until the snapshot has the positions that the read waits for, in the partitions that it is of.
    async fn wait(&self, context: &ReadContext, wait: &WaitFor) -> Result<(), ReadError> {
        if wait.positions.log != self.status.log() {
            return Err(ReadError::OtherLog);
        }
        let mut wanted = wait.positions.partitions.clone();
        if let Some(asked) = &context.partitions {
            wanted.retain(|partition, _| asked.contains(partition));
        }
        self.cell.reach(context.scope, &wanted, wait.timeout).await
    }
}

/// The partitions to restrict a read to, if they are not all of the snapshot's, and the positions of those that
/// the answer is of.
fn partitions(
    snapshot: &Snapshot,
    asked: Option<BTreeSet<u32>>,
) -> Result<(Option<BTreeSet<u32>>, Positions), ReadError> {
    let mut positions = snapshot.checkpoint().positions();
    let Some(asked) = asked else { return Ok((None, positions)) };
    let missing: BTreeSet<u32> =
        asked.iter().copied().filter(|partition| !positions.partitions.contains_key(partition)).collect();
    if !missing.is_empty() {
        return Err(ReadError::Unavailable { partitions: missing });
    }
    if asked.len() == positions.partitions.len() {
        return Ok((None, positions));
    }
    positions.partitions.retain(|partition, _| asked.contains(partition));
    Ok((Some(asked), positions))
}

#[async_trait]
impl CallReader for IndexReader {
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        self.answer("list", request.context.clone(), move |search| list(search, &request)).await
    }

    async fn get(&self, request: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        let GetRequest { mut context, call, columns } = request;
        if let (Some(wait), Some(total)) = (&mut context.wait_for, NonZeroU32::new(self.status.partitions_total())) {
            let home = home_partition(call, total);
            wait.positions.partitions.retain(|partition, _| *partition == home);
        }
        self.answer("get", context, move |search| item(search, call, columns)).await
    }

    async fn count(&self, request: CountRequest) -> Result<Answer<u64>, ReadError> {
        self.answer("count", request.context, move |search| count(search, &request.filter)).await
    }

    async fn frequencies(&self, request: CountRequest) -> Result<Answer<Frequencies>, ReadError> {
        self.answer("frequencies", request.context, move |search| frequencies(search, &request.filter)).await
    }

    async fn stats(&self, request: StatsRequest) -> Result<Answer<StatsPage>, ReadError> {
        self.answer("stats", request.context.clone(), move |search| stats(search, &request)).await
    }

    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        let (serving, unavailable) = match &*self.cell.served() {
            Served::Snapshot(snapshot) => (snapshot.checkpoint().next(), BTreeSet::new()),
            Served::Nothing(partitions) => (BTreeMap::new(), partitions.clone()),
        };
        Ok(ReaderStatus {
            log: Some(self.status.log()),
            partitions_total: self.status.partitions_total(),
            caught_up: unavailable.is_empty() && self.status.caught_up(),
            lag_ms: unavailable.is_empty().then(|| self.status.lag_ms()),
            serving,
            unavailable,
        })
    }
}
