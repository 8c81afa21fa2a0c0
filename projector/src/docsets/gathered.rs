//! The documents of many words, put together at once: for most unions quicker than finding them lazily.

use tantivy::BitSet;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;

use crate::search::{SearchError, Tick};

/// Adds the documents with one of the words. Ends early when the time is up.
pub(crate) fn gather(
    index: &InvertedIndexReader,
    words: &[TermInfo],
    documents: &mut BitSet,
    tick: &mut Tick,
) -> Result<(), SearchError> {
    let Some((first, others)) = words.split_first() else { return Ok(()) };
    let mut postings = index.read_block_postings_from_terminfo(first, IndexRecordOption::Basic)?;
    let mut others = others.iter();
    loop {
        while postings.block_len() > 0 {
            if tick.is_over() {
                return Ok(());
            }
            for doc in postings.docs() {
                documents.insert(*doc);
            }
            postings.advance();
        }
        let Some(word) = others.next() else { return Ok(()) };
        index.reset_block_postings_from_terminfo(word, &mut postings)?;
    }
}
