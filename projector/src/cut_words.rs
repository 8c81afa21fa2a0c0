//! The words of a segment of which the index holds only the beginning, whole and with their case folded.
//!
//! They are few in most texts: encoded files, keys, texts without spaces. So a search for a part of a word
//! looks at them in memory, and need not read the texts that they stand in. Where they are more than should be kept,
//! it does.

use memchr::memmem::Finder;
use schemas::fold::StoredTexts;
use schemas::model::Column;
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocId, DocSet as _, SegmentReader, TERMINATED, Term};

use crate::index::schema::{CallFields, LongTextFields};
use crate::index::words::cut_words;
use crate::search::{SearchError, Watch};
use crate::snapshot::FastColumn;
use crate::state::StateReader;

/// Bytes of such words that are kept of one column of a segment: so many, or so many a document if that is more.
const KEPT_BYTES: usize = 1024 * 1024;
const KEPT_BYTES_A_DOCUMENT: usize = 2;
/// Documents of a segment that are read for them at most: they are of all projects, and whoever asks first waits.
const READ_DOCUMENTS: u32 = 20_000;

/// Those of one column.
#[derive(Debug)]
pub(crate) enum CutWords {
    Kept(Vec<(DocId, Box<str>)>),
    TooMany,
}

impl CutWords {
    pub(crate) fn of(
        reader: &SegmentReader,
        fields: &CallFields,
        (column, long): (Column, LongTextFields),
        watch: &Watch,
    ) -> Result<Self, SearchError> {
        let (mut kept, mut bytes) = (Vec::new(), 0);
        let term = Term::from_field_u64(fields.cut_words, 1);
        let Some(mut postings) =
            reader.inverted_index(fields.cut_words)?.read_postings(&term, IndexRecordOption::Basic)?
        else {
            return Ok(Self::Kept(kept));
        };
        let most = KEPT_BYTES.max(reader.max_doc() as usize * KEPT_BYTES_A_DOCUMENT);
        let (states, hashes) = (StateReader::open(reader)?, FastColumn::open(reader, long.hash)?);
        let (mut doc, mut read) = (postings.doc(), 0);
        while doc != TERMINATED {
            watch.check("reading words that are cut")?;
            if hashes.first(doc).is_none() {
                doc = postings.advance();
                continue;
            }
            read += 1;
            if read > READ_DOCUMENTS {
                return Ok(Self::TooMany);
            }
            let state = states.bytes(doc)?;
            for word in StoredTexts::of(&state)?.get(column).map(cut_words).unwrap_or_default() {
                bytes += word.len();
                kept.push((doc, word.into_boxed_str()));
            }
            if bytes > most {
                return Ok(Self::TooMany);
            }
            doc = postings.advance();
        }
        Ok(Self::Kept(kept))
    }

    /// The documents with a word that has the part; none when only their texts can tell.
    pub(crate) fn with_part(&self, part: &str, max_doc: DocId) -> Option<BitSet> {
        let Self::Kept(words) = self else { return None };
        let (mut documents, finder) = (BitSet::with_max_value(max_doc), Finder::new(part));
        for (doc, word) in words {
            if finder.find(word.as_bytes()).is_some() {
                documents.insert(*doc);
            }
        }
        Some(documents)
    }
}
