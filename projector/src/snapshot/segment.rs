//! What is derived from one segment. Segments never change but for deletes, so it is made once.

use std::sync::Arc;

use schemas::model::Column;
use tantivy::index::SegmentId;
use tantivy::{Opstamp, SegmentReader};

use super::columns::FastColumn;
use super::counters::SegmentCounters;
use super::deletes::AliveBits;
use super::on_demand::OnDemand;
use super::project_documents::ProjectDocuments;
use super::zones::{Span, zone_map};
use crate::cut_words::CutWords;
use crate::full_text::FoldedField;
use crate::index::schema::CallFields;
use crate::lexicon::Lexicon;

#[derive(Debug)]
pub(crate) struct Segment {
    id: SegmentId,
    /// Names the state of the deletes that the counters are of.
    deletes: Option<Opstamp>,
    alive: Option<AliveBits>,
    zones: Arc<Vec<Option<Span>>>,
    counters: SegmentCounters,
    project_documents: Arc<ProjectDocuments>,
    folded_words: Arc<OnDemand<FoldedField>>,
    lexicon: Arc<OnDemand<Lexicon>>,
    cut_words: Arc<OnDemand<CutWords>>,
}

impl Segment {
    pub(super) fn derive(reader: &SegmentReader, fields: &CallFields) -> tantivy::Result<Self> {
        let created_at = FastColumn::of(reader, fields, Column::CreatedAt)?;
        Ok(Self {
            id: reader.segment_id(),
            deletes: reader.delete_opstamp(),
            alive: AliveBits::of(reader),
            zones: Arc::new(zone_map(&created_at.values, reader.max_doc())),
            counters: SegmentCounters::derive(reader, fields)?,
            project_documents: Arc::default(),
            folded_words: Arc::default(),
            lexicon: Arc::default(),
            cut_words: Arc::default(),
        })
    }

    /// The same segment with the deletes that `reader` sees.
    pub(super) fn advanced(
        self: &Arc<Self>,
        reader: &SegmentReader,
        fields: &CallFields,
    ) -> tantivy::Result<Arc<Self>> {
        if reader.delete_opstamp() == self.deletes {
            return Ok(Arc::clone(self));
        }
        let alive = AliveBits::of(reader);
        let deleted =
            alive.as_ref().map(|alive| alive.deleted_since(self.alive.as_ref(), reader.max_doc())).unwrap_or_default();
        Ok(Arc::new(Self {
            id: self.id,
            deletes: reader.delete_opstamp(),
            alive,
            zones: Arc::clone(&self.zones),
            counters: self.counters.without(&deleted, reader, fields)?,
            project_documents: Arc::clone(&self.project_documents),
            folded_words: Arc::clone(&self.folded_words),
            lexicon: Arc::clone(&self.lexicon),
            cut_words: Arc::clone(&self.cut_words),
        }))
    }

    pub(crate) fn id(&self) -> SegmentId {
        self.id
    }

    /// By block of [`super::BLOCK_DOCS`] documents, when its calls were created.
    pub(crate) fn zones(&self) -> &[Option<Span>] {
        &self.zones
    }

    pub(crate) fn counters(&self) -> &SegmentCounters {
        &self.counters
    }

    pub(crate) fn project_documents(&self) -> &ProjectDocuments {
        &self.project_documents
    }

    pub(crate) fn folded_words(&self) -> &OnDemand<FoldedField> {
        &self.folded_words
    }

    pub(crate) fn lexicon(&self) -> &OnDemand<Lexicon> {
        &self.lexicon
    }

    pub(crate) fn cut_words(&self) -> &OnDemand<CutWords> {
        &self.cut_words
    }
}
