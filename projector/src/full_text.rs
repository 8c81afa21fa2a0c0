//! Full text: words as clients write them, found as the index has them.
//!
//! A text is cut into words as the index cut its own. Each word stands for every word of the dictionary that is
//! the same but for case and accents; a text of several words, such as one in Chinese, is a phrase of them. It is
//! found in a call when one of the columns has it. A text without a single word is in no call.

mod folded;

pub(crate) use folded::FoldedField;

use schemas::limits::PREFIX_WORDS;
use schemas::model::Column;
use tantivy::SegmentReader;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::TermInfo;
use tantivy::schema::Field;
use tantivy::tokenizer::{TokenStream as _, Tokenizer as _};

use crate::docsets::Bm25;
use crate::index::schema::{ColumnField, LONG_TEXTS};
use crate::index::words::{self, fold_accents};
use crate::relevance::Weight;
use crate::search::{Plan, SearchError};
use crate::snapshot::{Segment, Snapshot};

/// Words that stand one after the other in one of some columns.
#[derive(Debug)]
pub(crate) struct Words {
    columns: Vec<SearchedColumn>,
    /// Without accents, in lower case.
    sequence: Vec<String>,
    /// Whether the last word may go on.
    prefix: bool,
    /// What they count, when matches are scored.
    weight: Option<Weight>,
}

#[derive(Debug)]
struct SearchedColumn {
    /// The place in [`LONG_TEXTS`].
    place: usize,
    field: Field,
}

impl Words {
    pub(crate) fn new(
        columns: &[Column],
        text: &str,
        prefix: bool,
        weight: Option<Weight>,
        snapshot: &Snapshot,
    ) -> Result<Self, SearchError> {
        let columns = columns.iter().map(|column| {
            let place = LONG_TEXTS.iter().position(|long| long == column);
            match (place, snapshot.fields().column(*column)) {
                (Some(place), Some(ColumnField::Long(long))) => Ok(SearchedColumn { place, field: long.words }),
                _ => Err(SearchError::Refused(format!("{}: full text is not searched in this column", column.name()))),
            }
        });
        Ok(Self { columns: columns.collect::<Result<_, _>>()?, sequence: split(text), prefix, weight })
    }

    /// The documents of a segment that have the words.
    pub(crate) fn plan(&self, reader: &SegmentReader, segment: &Segment) -> Result<Plan, SearchError> {
        let mut plans = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let index = reader.inverted_index(column.field)?;
            let words = self.forms(&index, column.place, segment)?;
            if words.is_empty() || words.iter().any(Vec::is_empty) {
                continue;
            }
            let bm25 = match self.weight {
                None => None,
                Some(weight) => Some(Bm25 { weight, lengths: reader.get_fieldnorms_reader(column.field)? }),
            };
            plans.push(Plan::Words { index, words, bm25 });
        }
        Ok(Plan::any(plans))
    }

    /// For each of the words, the words of a segment's dictionary that it stands for.
    fn forms(
        &self,
        index: &InvertedIndexReader,
        place: usize,
        segment: &Segment,
    ) -> Result<Vec<Vec<TermInfo>>, SearchError> {
        let folded = segment.folded_words().of(place, || FoldedField::of(index.terms()))?;
        let last = self.sequence.len().saturating_sub(1);
        let words = self.sequence.iter().enumerate().map(|(at, word)| {
            let prefix = self.prefix && at == last;
            let mut forms = Vec::new();
            if prefix {
                forms = ascii_words(index, word)?;
                for form in folded.prefixed(word) {
                    forms.extend(index.terms().get(form)?);
                    within_limit(&forms, word)?;
                }
            } else {
                if word.is_ascii() {
                    forms.extend(index.terms().get(word)?);
                }
                for form in folded.same(word) {
                    forms.extend(index.terms().get(form)?);
                }
            }
            Ok(forms)
        });
        words.collect()
    }
}

/// The words of a dictionary that are ASCII and begin so.
fn ascii_words(index: &InvertedIndexReader, prefix: &str) -> Result<Vec<TermInfo>, SearchError> {
    let mut forms = Vec::new();
    if prefix.is_ascii() {
        let mut terms = index.terms().range().ge(prefix).into_stream()?;
        while terms.advance() && terms.key().starts_with(prefix.as_bytes()) {
            if terms.key().is_ascii() {
                forms.push(terms.value().clone());
                within_limit(&forms, prefix)?;
            }
        }
    }
    Ok(forms)
}

fn within_limit(forms: &[TermInfo], prefix: &str) -> Result<(), SearchError> {
    if forms.len() <= PREFIX_WORDS {
        return Ok(());
    }
    Err(SearchError::Refused(format!(
        "\"{prefix}*\" stands for more than {PREFIX_WORDS} words: expected a longer beginning"
    )))
}

/// The words of a text, folded.
fn split(text: &str) -> Vec<String> {
    let mut tokenizer = words::Words::default();
    let mut stream = tokenizer.token_stream(text);
    let mut words = Vec::new();
    while stream.advance() {
        words.push(fold_accents(&stream.token().text).into_owned());
    }
    words
}
