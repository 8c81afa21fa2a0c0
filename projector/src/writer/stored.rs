//! The states that an index holds.

use schemas::fold::{CallState, UnreadableState};
use schemas::id::CallKey;
use tantivy::schema::{IndexRecordOption, Value as _};
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED, TantivyDocument, TantivyError};

use crate::index::document::key_term;
use crate::index::schema::CallFields;

/// Why a stored state can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoredStateError {
    #[error(transparent)]
    Index(#[from] TantivyError),
    #[error(transparent)]
    Unreadable(#[from] UnreadableState),
    #[error("a document has no state")]
    Missing,
}

/// The state of a call in the last commit. Should the index hold the call twice, both count.
pub(crate) fn stored_state(
    searcher: &Searcher,
    fields: &CallFields,
    key: CallKey,
) -> Result<Option<CallState>, StoredStateError> {
    let term = key_term(fields, key);
    let mut found: Option<CallState> = None;
    for (ordinal, segment) in (0u32..).zip(searcher.segment_readers()) {
        let inverted = segment.inverted_index(fields.key)?;
        let postings = inverted.read_postings(&term, IndexRecordOption::Basic).map_err(TantivyError::from)?;
        let Some(mut postings) = postings else { continue };
        let mut doc = postings.doc();
        while doc != TERMINATED {
            if segment.alive_bitset().is_none_or(|alive| alive.is_alive(doc)) {
                let state = CallState::decode(&stored_bytes(searcher, fields, DocAddress::new(ordinal, doc))?)?;
                match &mut found {
                    None => found = Some(state),
                    Some(found) => {
                        found.merge(state);
                    }
                }
            }
            doc = postings.advance();
        }
    }
    Ok(found)
}

/// The bytes of a document's state.
pub(crate) fn stored_bytes(
    searcher: &Searcher,
    fields: &CallFields,
    address: DocAddress,
) -> Result<Vec<u8>, StoredStateError> {
    let document: TantivyDocument = searcher.doc(address)?;
    let bytes = document.get_first(fields.state).and_then(|value| value.as_bytes());
    Ok(bytes.ok_or(StoredStateError::Missing)?.to_vec())
}
