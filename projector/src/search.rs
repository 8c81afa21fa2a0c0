//! One read of one snapshot: what it may see, how long it may take, and how documents are visited.

mod plan;
mod segments;
mod slots;
mod spent;
mod threads;
mod watch;

pub(crate) use plan::{MakeTest, Plan, SegmentRead, Test};
pub(crate) use slots::Slots;
pub(crate) use threads::ReadThreads;
pub(crate) use watch::{SearchError, Tick, Watch};

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use schemas::access::ReadScope;
use schemas::id::Partition;
use schemas::model::Column;
use schemas::query::{Bounds, Filter};
use schemas::time::Date;
use schemas::value::Value;
use tantivy::query::Scorer;
use tantivy::{DocId, SegmentReader};

use crate::snapshot::{BLOCK_DOCS, Segment, Snapshot, Span};

/// A read.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) scope: ReadScope,
    /// The partitions to answer for, when they are not all that the index has.
    pub(crate) partitions: Option<BTreeSet<Partition>>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) slots: Arc<Slots>,
}

impl Search {
    /// `part`: what the time limit names.
    pub(crate) fn read<'a>(&'a self, reader: &'a SegmentReader, part: &'static str) -> SegmentRead<'a> {
        SegmentRead { reader, watch: &self.watch, part }
    }

    /// Calls `take` with every living document of the set in these ranges, which are in order. Looks at the time
    /// limit before each range and at the end.
    pub(crate) fn visit(
        &self,
        reader: &SegmentReader,
        documents: &mut dyn Scorer,
        ranges: impl IntoIterator<Item = Range<DocId>>,
        part: &'static str,
        mut take: impl FnMut(DocId, &mut dyn Scorer) -> Result<(), SearchError>,
    ) -> Result<(), SearchError> {
        let alive = reader.alive_bitset();
        for range in ranges {
            self.watch.check(part)?;
            let mut doc = documents.doc();
            if doc < range.start {
                doc = documents.seek(range.start);
            }
            while doc < range.end {
                if alive.is_none_or(|alive| alive.is_alive(doc)) {
                    take(doc, documents)?;
                }
                doc = documents.advance();
            }
        }
        self.watch.check(part)
    }
}

/// The instants, in milliseconds, that `createdAt` has to be within for the filter to hold.
pub(crate) fn created_within(filter: &Filter) -> RangeInclusive<i64> {
    let everything = i64::MIN..=i64::MAX;
    match filter {
        Filter::Equal(Column::CreatedAt, Value::Date(date)) => date.0..=date.0,
        Filter::Range(Column::CreatedAt, bounds) => instants(bounds).unwrap_or(everything),
        Filter::All(filters) => filters
            .iter()
            .map(created_within)
            .fold(everything, |all, one| *all.start().max(one.start())..=*all.end().min(one.end())),
        _ => everything,
    }
}

/// The instants between bounds of dates, first and last included; none for bounds that are no dates.
pub(crate) fn instants(bounds: &Bounds) -> Option<RangeInclusive<i64>> {
    let instant = |value: &Value| match value {
        Value::Date(Date(instant)) => Some(*instant),
        _ => None,
    };
    let first = match &bounds.lower {
        None => i64::MIN,
        Some(bound) => instant(&bound.value)?.saturating_add(i64::from(!bound.inclusive)),
    };
    let last = match &bounds.upper {
        None => i64::MAX,
        Some(bound) => instant(&bound.value)?.saturating_sub(i64::from(!bound.inclusive)),
    };
    Some(first..=last)
}

/// The blocks of a segment that may hold calls created within these instants.
pub(crate) fn blocks<'a>(
    segment: &'a Segment,
    within: &'a RangeInclusive<i64>,
) -> impl Iterator<Item = (Range<DocId>, Span)> + 'a {
    (0..DocId::MAX).step_by(BLOCK_DOCS as usize).zip(segment.zones()).filter_map(|(start, span)| {
        let span = (*span)?;
        let overlaps = span.min <= *within.end() && span.max >= *within.start();
        overlaps.then_some((start..start.saturating_add(BLOCK_DOCS), span))
    })
}
