//! What a filter means in one segment: a tree that makes sets of documents, as often as they are needed.

use std::ops::RangeInclusive;
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::{SegmentPostings, TermInfo};
use tantivy::query::{AllScorer, BitSetDocSet, ConstScorer, EmptyScorer, Exclude, Scorer, intersect_scorers};
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocId, SegmentReader};

use super::watch::{SearchError, Tick, Watch};
use crate::docsets::{Bm25, ColumnRange, Filtered, Phrase, Union};

/// A test of one document.
pub(crate) type Test = Box<dyn FnMut(DocId) -> bool + Send>;

/// Makes a test whenever a set of documents needs one.
pub(crate) type MakeTest = Box<dyn Fn() -> Result<Test, SearchError> + Send + Sync>;

/// Which documents of a segment match. What is exact scores nothing; words score when they are weighed.
pub(crate) enum Plan {
    Everything,
    Nothing,
    /// Those with one of these terms.
    Terms(Arc<InvertedIndexReader>, Vec<TermInfo>),
    Set(Arc<BitSet>),
    /// Those whose value is in the range.
    Range(Column<u64>, RangeInclusive<u64>),
    /// Those with these words, one after the other, each in one of its forms.
    Words {
        index: Arc<InvertedIndexReader>,
        words: Vec<Vec<TermInfo>>,
        bm25: Option<Bm25>,
    },
    /// Those of the plan that pass a test.
    Tested(Box<Plan>, MakeTest),
    /// Those of every plan in `of` and of none in `but`.
    All {
        of: Vec<Plan>,
        but: Vec<Plan>,
    },
    Any(Vec<Plan>),
}

/// The segment that a plan is carried out in.
#[derive(Clone, Copy)]
pub(crate) struct SegmentRead<'a> {
    pub(crate) reader: &'a SegmentReader,
    pub(crate) watch: &'a Arc<Watch>,
}

impl Plan {
    pub(crate) fn all(plans: impl IntoIterator<Item = Self>) -> Self {
        let (mut of, mut but) = (Vec::new(), Vec::new());
        for plan in plans {
            match plan {
                Self::Everything => {}
                Self::Nothing => return Self::Nothing,
                Self::All { of: inner, but: not } => {
                    of.extend(inner);
                    but.extend(not);
                }
                other => of.push(other),
            }
        }
        match of.pop() {
            None if but.is_empty() => Self::Everything,
            Some(only) if of.is_empty() && but.is_empty() => only,
            last => {
                of.extend(last);
                Self::All { of, but }
            }
        }
    }

    pub(crate) fn any(plans: impl IntoIterator<Item = Self>) -> Self {
        let (mut any, mut everything) = (Vec::new(), false);
        for plan in plans {
            match plan {
                Self::Everything => everything = true,
                Self::Nothing => {}
                Self::Any(inner) => any.extend(inner),
                other => any.push(other),
            }
        }
        if everything {
            // What matches is settled; how well, is not.
            any.retain(Self::scores);
            any.push(Self::Everything);
        }
        match any.pop() {
            None => Self::Nothing,
            Some(only) if any.is_empty() => only,
            last => {
                any.extend(last);
                Self::Any(any)
            }
        }
    }

    fn scores(&self) -> bool {
        match self {
            Self::Words { bm25, .. } => bm25.is_some(),
            Self::All { of: plans, .. } | Self::Any(plans) => plans.iter().any(Self::scores),
            Self::Everything | Self::Nothing | Self::Terms(..) | Self::Set(_) | Self::Range(..) | Self::Tested(..) => {
                false
            }
        }
    }

    /// Whether some documents are tested one by one, each time a set of them is made.
    pub(crate) fn is_tested(&self) -> bool {
        match self {
            Self::Tested(..) => true,
            Self::All { of, but } => of.iter().chain(but).any(Self::is_tested),
            Self::Any(plans) => plans.iter().any(Self::is_tested),
            Self::Everything
            | Self::Nothing
            | Self::Terms(..)
            | Self::Set(_)
            | Self::Range(..)
            | Self::Words { .. } => false,
        }
    }

    pub(crate) fn but(self) -> Self {
        match self {
            Self::Everything => Self::Nothing,
            Self::Nothing => Self::Everything,
            Self::All { of, mut but } if of.is_empty() && but.len() == 1 => but.pop().unwrap_or(Self::Nothing),
            other => Self::All { of: Vec::new(), but: vec![other] },
        }
    }

    /// The matching documents, deleted ones among them.
    pub(crate) fn documents(&self, read: SegmentRead<'_>) -> Result<Box<dyn Scorer>, SearchError> {
        let tick = Tick::new(read.watch);
        Ok(match self {
            Self::Everything => Box::new(everything(read.reader)),
            Self::Nothing => Box::new(EmptyScorer),
            Self::Terms(index, terms) => {
                let mut postings = postings(index, terms, IndexRecordOption::Basic)?;
                match postings.pop() {
                    Some(only) if postings.is_empty() => Box::new(ConstScorer::new(only, 0.0)),
                    last => {
                        postings.extend(last);
                        Box::new(ConstScorer::new(Union::new(postings), 0.0))
                    }
                }
            }
            Self::Set(documents) => Box::new(ConstScorer::new(BitSetDocSet::from(BitSet::clone(documents)), 0.0)),
            Self::Range(column, range) => Box::new(ColumnRange::new(column.clone(), range.clone(), tick)),
            Self::Words { index, words, bm25 } => {
                let option = match (words.len(), bm25) {
                    (1, None) => IndexRecordOption::Basic,
                    (1, Some(_)) => IndexRecordOption::WithFreqs,
                    _ => IndexRecordOption::WithFreqsAndPositions,
                };
                let words = words
                    .iter()
                    .map(|forms| Ok(Union::new(postings(index, forms, option)?)))
                    .collect::<Result<_, SearchError>>()?;
                Box::new(Phrase::new(words, bm25.clone(), tick))
            }
            Self::Tested(plan, test) => Box::new(Filtered::new(plan.documents(read)?, tick, test()?)),
            Self::All { of, but } => {
                let of = of.iter().map(|plan| plan.documents(read)).collect::<Result<Vec<_>, _>>()?;
                let of = if of.is_empty() {
                    Box::new(everything(read.reader))
                } else {
                    intersect_scorers(of, read.reader.max_doc())
                };
                if but.is_empty() {
                    return Ok(of);
                }
                let but = but.iter().map(|plan| plan.documents(read)).collect::<Result<Vec<_>, _>>()?;
                Box::new(Exclude::new(of, but))
            }
            Self::Any(plans) => {
                let sets = plans.iter().map(|plan| plan.documents(read)).collect::<Result<Vec<_>, _>>()?;
                Box::new(Union::new(sets))
            }
        })
    }
}

fn everything(reader: &SegmentReader) -> ConstScorer<AllScorer> {
    ConstScorer::new(AllScorer::new(reader.max_doc()), 0.0)
}

fn postings(
    index: &InvertedIndexReader,
    terms: &[TermInfo],
    option: IndexRecordOption,
) -> Result<Vec<SegmentPostings>, SearchError> {
    terms.iter().map(|term| Ok(index.read_postings_from_terminfo(term, option)?)).collect()
}
