//! Lists: the first calls of an order, found without sorting the rest.

mod keys;
mod top;

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use schemas::limits::{LIST_BYTES, LIST_REACH};
use schemas::model::{Column, ColumnSet};
use schemas::query::{SortBy, SortKey, SortPosition};
use schemas::reader::{ListPage, ListRequest, SortedRow};
use tantivy::{DocAddress, DocId, SegmentReader};

use self::keys::{LookedUp, SegmentOrder, instant_rank};
use self::top::Top;
use crate::lowering::Condition;
use crate::relevance::Weights;
use crate::search::{Plan, Search, SearchError, blocks, created_within};
use crate::snapshot::{KeyColumns, Segment, Span};
use crate::state::row;
use crate::sums::{count, count_with};

/// The part of a read that a time limit names.
const PART: &str = "finding the rows of the list";
/// Pages that skip more rows than this are counted first: those beyond the end need no search.
const SKIP_UNCOUNTED: u64 = 1000;

pub(crate) fn list(search: &Search, request: &ListRequest) -> Result<ListPage, SearchError> {
    let filter = &request.filter;
    let by_relevance = request.sort.iter().any(|key| key.by == SortBy::Relevance);
    // Words that are weighed are slower to count by.
    let condition = if by_relevance { None } else { Some(Condition::of(filter, None, search)?) };
    let counted = if request.count || request.skip > SKIP_UNCOUNTED {
        Some(match &condition {
            Some(condition) => count_with(search, filter, condition)?,
            None => count(search, filter)?,
        })
    } else {
        None
    };
    let reach = request.skip.saturating_add(u64::from(request.limit)).min(counted.unwrap_or(u64::MAX));
    let count = counted.filter(|_| request.count);
    if request.limit == 0 || reach <= request.skip {
        return Ok(ListPage { rows: Vec::new(), count });
    }
    if reach > LIST_REACH {
        return Err(SearchError::Refused(format!(
            "skip and limit: expected a page that ends at row {LIST_REACH} of the order at most; a cursor goes further"
        )));
    }
    let condition = match condition {
        Some(condition) => condition,
        None => Condition::of(filter, Some(Weights::of(search, request)?), search)?,
    };
    let rows = usize::try_from(reach).unwrap_or(usize::MAX);
    let skip = usize::try_from(request.skip).unwrap_or(usize::MAX);
    let found = Listing { search, request, condition, skip, rows }.find()?;
    Ok(ListPage { rows: read_rows(search, found.into_iter(), request.columns)?, count })
}

fn read_rows(
    search: &Search,
    rows: impl Iterator<Item = Found>,
    columns: ColumnSet,
) -> Result<Vec<SortedRow>, SearchError> {
    let snapshot = &search.snapshot;
    let mut keys: HashMap<u32, KeyColumns> = HashMap::new();
    let mut bytes = 0;
    let rows = rows.map(|Found { position, at }| {
        search.watch.check("reading the rows of the list")?;
        check_bytes(bytes)?;
        let keys = match keys.entry(at.segment_ord) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let reader = snapshot.searcher().segment_reader(at.segment_ord);
                entry.insert(KeyColumns::open(reader, snapshot.fields())?)
            }
        };
        let key = keys.key(at.doc_id)?.ok_or(SearchError::Incomplete)?;
        let row = row(snapshot, at, key, columns)?;
        bytes += row.text_bytes();
        Ok(SortedRow { position, row })
    });
    rows.collect()
}

fn check_bytes(bytes: usize) -> Result<(), SearchError> {
    if bytes <= LIST_BYTES {
        return Ok(());
    }
    let mebibytes = LIST_BYTES / 1024 / 1024;
    Err(SearchError::Refused(format!(
        "limit: expected rows with at most {mebibytes} MiB of texts; ask for fewer rows or columns"
    )))
}

/// A row of the page, before it is read.
struct Found {
    position: SortPosition,
    at: DocAddress,
}

/// What is looked for.
struct Listing<'a> {
    search: &'a Search,
    request: &'a ListRequest,
    condition: Condition<'a>,
    /// Rows before the page.
    skip: usize,
    /// Rows to the end of the page.
    rows: usize,
}

/// A block of a segment, by the best rank that one of its calls may have in the first key.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    best: u128,
    worst: u128,
    segment: usize,
    range: Range<DocId>,
}

/// What one thread has seen.
struct Seen {
    /// By segment, once the first of its blocks is visited.
    prepared: Vec<Option<(Arc<Plan>, SegmentOrder)>>,
    top: Top,
}

impl Listing<'_> {
    /// The rows of the page, in order.
    fn find(&self) -> Result<Vec<Found>, SearchError> {
        keys::check(&self.request.sort, self.request.after.as_ref())?;
        let seen = match self.request.sort.first() {
            Some(key) if key.by == SortBy::Column(Column::CreatedAt) => self.visit_best_blocks_first(key)?,
            _ => self.visit_all()?,
        };
        self.collect(seen)
    }

    fn nothing_seen(&self) -> Seen {
        let comparable = self.request.sort.first().is_none_or(|key| keys::is_comparable(&key.by));
        let segments = self.search.snapshot.segments().count();
        Seen { prepared: (0..segments).map(|_| None).collect(), top: Top::new(self.rows, segments, comparable) }
    }

    /// Blocks in the order of the best that they may hold, until no other can have a row of the page. Several at
    /// a time, and each time more: with many blocks to look at, going through a segment in order is quicker.
    fn visit_best_blocks_first(&self, key: &SortKey) -> Result<Seen, SearchError> {
        let within = created_within(&self.request.filter);
        let rank_of = |instant| instant_rank(key, instant);
        let after = self.request.after.as_ref().and_then(keys::created_at).map(&rank_of);
        let segments: Vec<_> = self.search.snapshot.segments().collect();
        let mut nearest = BinaryHeap::new();
        for (at, (_, segment)) in segments.iter().enumerate() {
            for (range, Span { min, max }) in blocks(segment, &within) {
                let (best, worst) = (rank_of(min).min(rank_of(max)), rank_of(min).max(rank_of(max)));
                if after.is_none_or(|after| worst >= after) {
                    nearest.push(Block { best, worst, segment: at, range });
                }
            }
        }
        let mut seen = self.nothing_seen();
        let mut batch_blocks = 1;
        loop {
            let mut batch: BTreeMap<usize, Vec<Block>> = BTreeMap::new();
            for _ in 0..batch_blocks {
                let Some(block) = nearest.pop() else { break };
                if seen.top.rejects(block.best) {
                    nearest.clear();
                    break;
                }
                batch.entry(block.segment).or_default().push(block);
            }
            if batch.is_empty() {
                return Ok(seen);
            }
            for (at, mut blocks) in batch {
                blocks.sort_unstable_by_key(|block| block.range.start);
                let Some((reader, segment)) = segments.get(at) else { continue };
                let blocks = blocks.into_iter().map(|block| (block.best, block.range));
                self.visit(&mut seen, at, reader, segment, blocks)?;
            }
            batch_blocks *= 2;
        }
    }

    /// Every block that may hold a matching call.
    fn visit_all(&self) -> Result<Seen, SearchError> {
        let within = created_within(&self.request.filter);
        let parts = self.search.fold_segments(
            || self.nothing_seen(),
            |seen, at, reader, segment| {
                self.visit(seen, at, reader, segment, blocks(segment, &within).map(|(range, _)| (0, range)))
            },
        )?;
        Ok(parts.into_iter().reduce(Seen::merge).unwrap_or_else(|| self.nothing_seen()))
    }

    /// Offers the matching calls of these blocks, which are in order, unless the best that a block may hold
    /// is no longer good enough.
    fn visit(
        &self,
        seen: &mut Seen,
        at: usize,
        reader: &SegmentReader,
        segment: &Segment,
        blocks: impl Iterator<Item = (u128, Range<DocId>)>,
    ) -> Result<(), SearchError> {
        let Self { search, request, condition, .. } = self;
        let Seen { prepared, top } = seen;
        let Some(prepared) = prepared.get_mut(at) else { return Ok(()) };
        let (plan, order) = match prepared {
            Some(prepared) => prepared,
            None => prepared.insert((
                condition.plan(search, reader, segment)?,
                SegmentOrder::open(reader, search.snapshot.fields(), &request.sort, request.after.as_ref())?,
            )),
        };
        let mut documents = plan.documents(search.read(reader, PART))?;
        let needs_score = order.needs_score();
        for (best, range) in blocks {
            if top.rejects(best) {
                continue;
            }
            search.visit(reader, &mut *documents, [range], PART, |doc, documents| {
                let score = if needs_score { documents.score() } else { 0.0 };
                let first = order.first(doc, score);
                if top.rejects_from(at, first) {
                    return Ok(());
                }
                if let Some(candidate) = order.candidate(doc, first, score)? {
                    top.offer(at, candidate);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Those of the page, of all segments, with the values that they are sorted by.
    fn collect(&self, seen: Seen) -> Result<Vec<Found>, SearchError> {
        let mut found = Vec::new();
        let (passed, candidates) = seen.top.into_candidates(self.skip);
        for (at, (candidates, prepared)) in candidates.into_iter().zip(&seen.prepared).enumerate() {
            let Some((_, order)) = prepared else { continue };
            let segment_ord = u32::try_from(at).expect("tantivy counts segments in u32");
            let mut looked_up = LookedUp::default();
            for candidate in candidates {
                let position = order.position(&candidate, &mut looked_up)?;
                found.push(Found { position, at: DocAddress::new(segment_ord, candidate.doc) });
            }
        }
        let keys = &self.request.sort;
        let compare = |a: &Found, b: &Found| a.position.compare(&b.position, keys);
        let (skip, rows) = (self.skip - passed, self.rows - passed);
        if found.len() > rows {
            found.select_nth_unstable_by(rows, compare);
            found.truncate(rows);
        }
        found.sort_unstable_by(compare);
        found.drain(..skip.min(found.len()));
        Ok(found)
    }
}

impl Seen {
    /// With what another thread has seen of other segments.
    fn merge(mut self, other: Self) -> Self {
        for (mine, others) in self.prepared.iter_mut().zip(other.prepared) {
            *mine = mine.take().or(others);
        }
        self.top.merge(other.top);
        self
    }
}

impl PartialOrd for Block {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Block {
    /// The greatest is the one to visit first: the one with the best rank, the least.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |block: &Self| (block.best, block.segment, block.range.start);
        key(other).cmp(&key(self))
    }
}
