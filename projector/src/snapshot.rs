//! What reads see: one commit of the index with everything derived from it, swapped in as one.

mod cell;
mod columns;
mod counters;
mod deletes;
mod on_demand;
mod project_documents;
mod replaced;
mod segment;
mod status;
mod waiting;
mod zones;

pub use cell::SnapshotCell;
pub use counters::{CounterKey, Counters};
pub use status::{Building, SharedStatus};

pub(crate) use cell::Served;
pub(crate) use columns::{AmountColumns, FastColumn, KeyColumns, in_i64};
pub(crate) use counters::{Cell, Statuses};
pub(crate) use segment::Segment;
pub(crate) use zones::{BLOCK_DOCS, Span};

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tantivy::index::SegmentId;
use tantivy::{Searcher, SegmentReader};

use crate::checkpoint::Checkpoint;
use crate::index::schema::CallFields;

/// One commit of the index: its documents, the structures derived from them, and how far it has read the log.
pub struct Snapshot {
    searcher: Searcher,
    fields: CallFields,
    checkpoint: Checkpoint,
    /// In the order of the searcher's segments.
    segments: Vec<Arc<Segment>>,
}

impl Snapshot {
    /// Of the commit that the searcher sees. What was derived from segments that `previous` has too is taken over from
    /// it; their deletes are applied by difference.
    pub fn of(
        searcher: Searcher,
        fields: &CallFields,
        checkpoint: Checkpoint,
        previous: Option<&Arc<Self>>,
    ) -> tantivy::Result<Self> {
        let known: HashMap<SegmentId, &Arc<Segment>> = previous
            .map(|previous| previous.segments.iter().map(|segment| (segment.id(), segment)).collect())
            .unwrap_or_default();
        let segments = searcher
            .segment_readers()
            .iter()
            .map(|reader| match known.get(&reader.segment_id()) {
                Some(segment) => segment.advanced(reader, fields),
                None => Segment::derive(reader, fields).map(Arc::new),
            })
            .collect::<tantivy::Result<_>>()?;
        Ok(Self { searcher, fields: fields.clone(), checkpoint, segments })
    }

    pub fn searcher(&self) -> &Searcher {
        &self.searcher
    }

    pub fn fields(&self) -> &CallFields {
        &self.fields
    }

    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The sums of all visible calls, added up over the segments.
    pub fn counters(&self) -> Counters {
        let mut counters = Counters::new();
        for segment in &self.segments {
            segment.counters().add_to(&mut counters);
        }
        counters.retain(|_, totals| totals.calls != 0);
        counters
    }

    /// Every segment with what was derived from it.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (&SegmentReader, &Arc<Segment>)> {
        self.searcher.segment_readers().iter().zip(&self.segments)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("checkpoint", &self.checkpoint)
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}
