//! The documents of a segment's large projects, as bits: nearly every read looks calls up in those of its project.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use schemas::id::ProjectId;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocId, DocSet as _, TERMINATED};

/// A project is large when it has at least this part of the segment's documents, so that the sets of all projects have
/// no more than this many bits a document.
const PART: u32 = 32;

/// Made when a read first needs them. Deleted documents are among them.
#[derive(Debug, Default)]
pub(crate) struct ProjectDocuments(Mutex<HashMap<ProjectId, Arc<BitSet>>>);

impl ProjectDocuments {
    /// Those of the project's term, below `documents_max`; none of a project that is not large.
    pub(crate) fn of(
        &self,
        project: ProjectId,
        (index, term): (&InvertedIndexReader, &TermInfo),
        documents_max: DocId,
    ) -> std::io::Result<Option<Arc<BitSet>>> {
        if term.doc_freq < documents_max.div_ceil(PART) {
            return Ok(None);
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(documents) = known.get(&project) {
            return Ok(Some(Arc::clone(documents)));
        }
        let mut documents = BitSet::with_max_value(documents_max);
        let mut postings = index.read_postings_from_terminfo(term, IndexRecordOption::Basic)?;
        while postings.doc() != TERMINATED {
            documents.insert(postings.doc());
            postings.advance();
        }
        let documents = Arc::new(documents);
        known.insert(project, Arc::clone(&documents));
        Ok(Some(documents))
    }
}
