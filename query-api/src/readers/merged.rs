//! Several readers of one log as one.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::num::NonZeroU32;
use std::sync::{self, Arc, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::{join_all, try_join_all};
use schemas::id::home_partition;
use schemas::model::{Column, ColumnSet};
use schemas::positions::Positions;
use schemas::query::{Frequencies, SortKey, SortPosition};
use schemas::reader::{
    Answer, CallReader, CountRequest, GetRequest, ListPage, ListRequest, ReadContext, ReadError, ReaderStatus,
    SortedRow, StatsRequest,
};
use schemas::row::Row;
use schemas::stats::{Groups, StatsPage};
use tokio::sync::Mutex;

use super::cover::Cover;

/// How long a choice of readers is kept: it is what a read would else wait for.
const COVER_AGE: Duration = Duration::from_millis(200);
/// How long a reader that failed is asked only for what no other has.
const SHUNNED_FOR: Duration = Duration::from_secs(5);
/// What a read of several readers may take beyond its own time limit, so that one of them is the one to say it.
const MERGE_GRACE: Duration = Duration::from_secs(2);
/// Pages that skip more rows than this are found by their sort keys first, their rows read after; such with large texts
/// when they skip any.
const SKIP_WITH_ROWS: u64 = 1000;
const LARGE_TEXTS: [Column; 2] = [Column::RequestPrompt, Column::ResponsePreview];

/// Asks several readers, such as projectors with some of the partitions each, and merges what they answer.
/// A partition that several of them serve is answered for by one.
#[derive(Debug)]
pub struct MergedReader {
    readers: Vec<Arc<dyn CallReader>>,
    chosen: sync::Mutex<Option<Chosen>>,
    /// Held by the one who chooses.
    choosing: Mutex<()>,
    /// When a reader last failed, by its place in the list.
    failed: sync::Mutex<BTreeMap<usize, Instant>>,
}

/// What was chosen last: who answers, or why nobody can.
#[derive(Debug, Clone)]
struct Chosen {
    /// When the readers were asked, and when they had answered.
    asked: Instant,
    at: Instant,
    cover: Result<Arc<Cover>, ReadError>,
}

impl MergedReader {
    pub fn new(readers: Vec<Arc<dyn CallReader>>) -> Self {
        Self { readers, chosen: sync::Mutex::default(), choosing: Mutex::default(), failed: sync::Mutex::default() }
    }

    /// Who answers now. Readers that can't be reached are left out; what nobody else serves is an error.
    async fn cover(&self) -> Result<Arc<Cover>, ReadError> {
        let begun = Instant::now();
        let before = self.chosen();
        if let Some(Chosen { at, cover, .. }) = &before
            && at.elapsed() < COVER_AGE
        {
            return cover.clone();
        }
        let _choosing = match (self.choosing.try_lock(), before) {
            (Ok(choosing), _) => choosing,
            // Whoever chooses may wait for a reader that hangs.
            (Err(_), Some(Chosen { cover: Ok(cover), .. })) => return Ok(cover),
            (Err(_), _) => self.choosing.lock().await,
        };
        if let Some(Chosen { at, cover, .. }) = self.chosen()
            && at >= begun
        {
            return cover;
        }
        let asked = Instant::now();
        let cover = self.choose().await;
        *self.lock_chosen() = Some(Chosen { asked, at: Instant::now(), cover: cover.clone() });
        cover
    }

    fn lock_chosen(&self) -> sync::MutexGuard<'_, Option<Chosen>> {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was chosen last, unless one of those readers has failed since they were asked.
    fn chosen(&self) -> Option<Chosen> {
        let chosen = self.lock_chosen().clone()?;
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let has_failed = |reader: &usize| failed.get(reader).is_some_and(|when| *when >= chosen.asked);
        let is_good = chosen.cover.as_ref().map_or(true, |cover| !cover.parts.keys().any(has_failed));
        is_good.then_some(chosen)
    }

    /// Asks the readers what they serve; those that failed a moment ago only when the others don't serve all.
    async fn choose(&self) -> Result<Arc<Cover>, ReadError> {
        let shunned = self.shunned();
        if !shunned.is_empty() {
            let statuses = self.statuses(|at| !shunned.contains(&at)).await;
            if let Ok(cover) = Cover::of(&working(&statuses), &shunned) {
                return Ok(Arc::new(cover));
            }
        }
        let statuses = self.statuses(|_| true).await;
        Cover::of(&working(&statuses), &shunned).map(Arc::new).map_err(|error| broken(statuses).unwrap_or(error))
    }

    /// What the wanted ones of the readers say of themselves.
    async fn statuses(&self, is_wanted: impl Fn(usize) -> bool) -> Vec<Option<Result<ReaderStatus, ReadError>>> {
        join_all(self.readers.iter().enumerate().map(|(at, reader)| {
            let is_wanted = is_wanted(at);
            async move { if is_wanted { Some(self.note(at, reader.status().await)) } else { None } }
        }))
        .await
    }

    /// The readers that failed a moment ago.
    fn shunned(&self) -> BTreeSet<usize> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, when| when.elapsed() < SHUNNED_FOR);
        failed.keys().copied().collect()
    }

    /// Reads within the read's time limit, however many readers are asked and how often.
    async fn read<T, F: Future<Output = Result<T, ReadError>>>(
        &self,
        context: ReadContext,
        read: impl Fn(Arc<Cover>, ReadContext) -> F,
    ) -> Result<T, ReadError> {
        let waiting = context.wait_for.as_ref().map_or(Duration::ZERO, |wait| wait.timeout);
        let limit = waiting + context.timeout + MERGE_GRACE;
        let late = |_| Err(ReadError::Timeout { part: "asking several projectors".to_owned() });
        tokio::time::timeout(limit, self.read_from_any(context, read)).await.unwrap_or_else(late)
    }

    /// Reads from the readers of a cover; once more from others when one of them turned out to be away or not to work.
    /// What the first attempt waited the second does not wait again.
    async fn read_from_any<T, F: Future<Output = Result<T, ReadError>>>(
        &self,
        mut context: ReadContext,
        read: impl Fn(Arc<Cover>, ReadContext) -> F,
    ) -> Result<T, ReadError> {
        let begun = Instant::now();
        let cover = self.cover().await?;
        let answer = read(Arc::clone(&cover), context.clone()).await;
        let Err(error) = answer else { return answer };
        if !is_of_the_reader(&error) {
            return Err(error);
        }
        let others = self.cover().await?;
        // Whoever is away may be back; what does not work does not work now.
        if others.parts == cover.parts && !matches!(error, ReadError::Unavailable { .. }) {
            return Err(error);
        }
        if let Some(wait) = &mut context.wait_for {
            wait.timeout = wait.timeout.saturating_sub(begun.elapsed());
        }
        read(others, context).await
    }

    /// Remembers that a reader is away or does not work.
    fn note<T>(&self, at: usize, answer: Result<T, ReadError>) -> Result<T, ReadError> {
        if answer.as_ref().is_err_and(is_of_the_reader) {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(at, Instant::now());
        }
        answer
    }

    /// Asks every reader of the cover for its part.
    async fn ask_each<T, F: Future<Output = Result<Answer<T>, ReadError>>>(
        &self,
        cover: &Cover,
        context: &ReadContext,
        ask: impl Fn(Arc<dyn CallReader>, ReadContext) -> F,
    ) -> Result<Answer<Vec<T>>, ReadError> {
        if let Some(wait) = &context.wait_for {
            cover.check(wait, context.partitions.as_ref())?;
        }
        let parts = cover.restricted(context.partitions.as_ref());
        let answers = parts.into_iter().filter_map(|(at, part)| {
            let context = ReadContext { partitions: Some(part), ..context.clone() };
            let answer = ask(Arc::clone(self.readers.get(at)?), context);
            Some(async move { self.note(at, answer.await) })
        });
        let mut positions = Positions { log: cover.log, partitions: BTreeMap::new(), reference: None };
        let (mut contents, mut lag_ms) = (Vec::new(), 0);
        for answer in try_join_all(answers).await? {
            positions.merge(&answer.positions).map_err(|error| ReadError::Internal { reason: error.to_string() })?;
            contents.push(answer.content);
            lag_ms = lag_ms.max(answer.lag_ms);
        }
        Ok(Answer { content: contents, positions, lag_ms })
    }

    async fn pages(&self, cover: &Cover, request: ListRequest) -> Result<Answer<Vec<ListPage>>, ReadError> {
        let context = request.context.clone();
        self.ask_each(cover, &context, move |reader, context| {
            let request = ListRequest { context, ..request.clone() };
            async move { reader.list(request).await }
        })
        .await
    }

    async fn total(&self, cover: &Cover, request: &CountRequest) -> Result<Answer<u64>, ReadError> {
        let answer = self
            .ask_each(cover, &request.context, |reader, context| {
                let request = CountRequest { context, ..request.clone() };
                async move { reader.count(request).await }
            })
            .await?;
        Ok(answer.map(|counts| counts.into_iter().sum()))
    }

    async fn frequencies_of(
        &self,
        cover: &Cover,
        request: &CountRequest,
    ) -> Result<Answer<Option<Frequencies>>, ReadError> {
        let answer = self
            .ask_each(cover, &request.context, |reader, context| {
                let request = CountRequest { context, ..request.clone() };
                async move { reader.frequencies(request).await }
            })
            .await?;
        Ok(answer.map(|parts| {
            parts.into_iter().reduce(|mut sum, part| {
                sum.add(&part);
                sum
            })
        }))
    }

    /// A page of several readers' rows: the first `skip + limit` of each, merged, and the page cut from those.
    async fn merged_page(&self, cover: &Cover, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        let (skip, limit) = (request.skip, request.limit);
        let keys = request.sort.clone();
        let answer = self.pages(cover, ListRequest { skip: 0, limit: reach(skip, limit)?, ..request }).await?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        Ok(answer.map(|pages| {
            let Merged { rows, count } = merge(pages, &keys);
            let rows = rows.into_iter().skip(skip).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
            ListPage { rows, count }
        }))
    }

    /// A page far from the start: first the place where it begins, by sort keys alone, then its rows.
    async fn far_page(&self, cover: &Cover, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        let counting = CountRequest { context: request.context.clone(), filter: request.filter.clone() };
        let counted = self.total(cover, &counting).await?;
        let total = counted.content;
        let nothing = ListPage { rows: Vec::new(), count: request.count.then_some(total) };
        if request.after.is_none() && request.skip >= total {
            return Ok(counted.map(|_| nothing));
        }
        let (columns, count) = (ColumnSet::default(), false);
        let before = ListRequest { skip: request.skip - 1, limit: 1, columns, count, ..request.clone() };
        let before = self.merged_page(cover, before).await?;
        let Some(last) = before.content.rows.last().map(|row| row.position.clone()) else {
            return Ok(before.map(|_| nothing));
        };
        self.merged_page(cover, ListRequest { skip: 0, after: Some(last), ..request }).await
    }
}

/// The statuses of those that were asked and answered.
fn working(statuses: &[Option<Result<ReaderStatus, ReadError>>]) -> Vec<Option<ReaderStatus>> {
    statuses.iter().map(|status| status.as_ref()?.as_ref().ok().cloned()).collect()
}

/// Whether another reader may answer all the same.
fn is_of_the_reader(error: &ReadError) -> bool {
    matches!(error, ReadError::Unavailable { .. } | ReadError::Internal { .. } | ReadError::OtherVersion { .. })
}

/// The error of a reader that is there and does not work, such as one that refuses the secret: it says more than
/// that partitions are missing.
fn broken(statuses: Vec<Option<Result<ReaderStatus, ReadError>>>) -> Option<ReadError> {
    let is_broken = |error: &ReadError| matches!(error, ReadError::Internal { .. } | ReadError::OtherVersion { .. });
    statuses.into_iter().flatten().filter_map(Result::err).find(is_broken)
}

fn reach(skip: u64, limit: u32) -> Result<u32, ReadError> {
    let reach = skip.saturating_add(u64::from(limit));
    u32::try_from(reach).map_err(|_| ReadError::Refused { reason: "skip: too many rows to skip".to_owned() })
}

struct Merged {
    rows: Vec<SortedRow>,
    count: Option<u64>,
}

/// The rows of several pages in one order, and the sum of their counts.
fn merge(pages: Vec<ListPage>, keys: &[SortKey]) -> Merged {
    let count = pages.iter().map(|page| page.count).sum();
    let mut rows: Vec<SortedRow> = pages.into_iter().flat_map(|page| page.rows).collect();
    rows.sort_by(|a, b| SortPosition::compare(&a.position, &b.position, keys));
    Merged { rows, count }
}

#[async_trait]
impl CallReader for MergedReader {
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        let request = &request;
        self.read(request.context.clone(), |cover, context| async move {
            let mut request = ListRequest { context, ..request.clone() };
            let parts = cover.restricted(request.context.partitions.as_ref());
            if parts.len() == 1 {
                let answer = self.pages(&cover, request).await?;
                let none = || ListPage { rows: Vec::new(), count: None };
                return Ok(answer.map(|pages| pages.into_iter().next().unwrap_or_else(none)));
            }
            // Scores compare when all readers go by the frequencies of all.
            if request.needs_frequencies() {
                let counting = CountRequest { context: request.context.clone(), filter: request.filter.clone() };
                request.frequencies = self.frequencies_of(&cover, &counting).await?.content;
            }
            let is_large = LARGE_TEXTS.into_iter().any(|column| request.columns.contains(column));
            if request.skip > if is_large { 0 } else { SKIP_WITH_ROWS } {
                self.far_page(&cover, request).await
            } else {
                self.merged_page(&cover, request).await
            }
        })
        .await
    }

    async fn get(&self, request: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        let request = &request;
        self.read(request.context.clone(), |cover, context| async move {
            let total = NonZeroU32::new(cover.partitions_total)
                .ok_or_else(|| ReadError::Internal { reason: "the log has no partitions".to_owned() })?;
            let home = home_partition(request.call, total);
            let context = ReadContext { partitions: Some(BTreeSet::from([home])), ..context };
            let answer = self
                .ask_each(&cover, &context, |reader, context| {
                    let request = GetRequest { context, ..request.clone() };
                    async move { reader.get(request).await }
                })
                .await?;
            Ok(answer.map(|rows| rows.into_iter().flatten().next()))
        })
        .await
    }

    async fn count(&self, request: CountRequest) -> Result<Answer<u64>, ReadError> {
        let request = &request;
        self.read(request.context.clone(), |cover, context| async move {
            self.total(&cover, &CountRequest { context, ..request.clone() }).await
        })
        .await
    }

    async fn frequencies(&self, request: CountRequest) -> Result<Answer<Frequencies>, ReadError> {
        let request = &request;
        self.read(request.context.clone(), |cover, context| async move {
            let answer = self.frequencies_of(&cover, &CountRequest { context, ..request.clone() }).await?;
            let none = || Frequencies { calls: 0, with_word: vec![0; request.filter.scoring_words().len()] };
            Ok(answer.map(|sum| sum.unwrap_or_else(none)))
        })
        .await
    }

    async fn stats(&self, request: StatsRequest) -> Result<Answer<StatsPage>, ReadError> {
        let request = &request;
        self.read(request.context.clone(), |cover, context| async move {
            let is_one = cover.restricted(context.partitions.as_ref()).len() == 1;
            // The first groups of all may be anywhere among each reader's.
            let limit = request.limit.filter(|_| is_one);
            let answer = self
                .ask_each(&cover, &context, |reader, context| {
                    let request = StatsRequest { context, limit, ..request.clone() };
                    async move { reader.stats(request).await }
                })
                .await?;
            Ok(answer.map(|mut pages| {
                if is_one {
                    return pages.pop().unwrap_or_default();
                }
                let mut groups = Groups::new();
                for (values, group) in pages.into_iter().flat_map(|page| page.groups) {
                    groups.entry(values).or_default().merge(&group);
                }
                StatsPage::of(groups, request.limit)
            }))
        })
        .await
    }

    /// All readers as one: what any of them serves is served. An error when none can be reached.
    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        let answers = self.statuses(|_| true).await;
        let statuses: Vec<ReaderStatus> = working(&answers).into_iter().flatten().collect();
        let Some(partitions_total) = statuses.iter().map(|status| status.partitions_total).max() else {
            let mut errors = answers.into_iter().flatten().filter_map(Result::err);
            let other_version = errors.find(|error| matches!(error, ReadError::OtherVersion { .. }));
            return Err(other_version.unwrap_or(ReadError::Unavailable { partitions: BTreeSet::new() }));
        };
        let mut serving = BTreeMap::new();
        for (partition, offset) in statuses.iter().flat_map(|status| &status.serving) {
            let furthest = serving.entry(*partition).or_insert(*offset);
            *furthest = (*furthest).max(*offset);
        }
        let unavailable: BTreeSet<_> =
            (0..partitions_total).filter(|partition| !serving.contains_key(partition)).collect();
        let behind =
            |partition: &u32| !statuses.iter().any(|status| status.caught_up && status.serving.contains_key(partition));
        Ok(ReaderStatus {
            log: statuses.iter().find_map(|status| status.log),
            partitions_total,
            caught_up: unavailable.is_empty() && !serving.keys().any(behind),
            lag_ms: statuses.iter().filter_map(|status| status.lag_ms).max(),
            serving,
            unavailable,
        })
    }
}
