//! What a filter means in one segment: a tree that makes sets of documents, as often as they are needed.

mod documents;
mod union_size;

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::TermInfo;
use tantivy::{BitSet, DocId, SegmentReader};

use super::watch::{SearchError, Watch};
use crate::docsets::Bm25;

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
    /// Those of the plan that pass a test which reads a text of theirs.
    Read(Box<Plan>, MakeTest),
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
    /// Texts are read of those only that meet all other conditions.
    pub(crate) fn all(plans: impl IntoIterator<Item = Self>) -> Self {
        let (mut of, mut but, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        let mut plans: VecDeque<Self> = plans.into_iter().collect();
        while let Some(plan) = plans.pop_front() {
            match plan {
                Self::Everything => {}
                Self::Nothing => return Self::Nothing,
                Self::All { of: inner, but: not } => {
                    plans.extend(inner);
                    but.extend(not);
                }
                Self::Read(inner, test) => {
                    plans.push_back(*inner);
                    reads.push(test);
                }
                other if of.iter().any(|plan| other.is(plan)) => {}
                other => of.push(other),
            }
        }
        let all = match of.pop() {
            None if but.is_empty() => Self::Everything,
            Some(only) if of.is_empty() && but.is_empty() => only,
            last => {
                of.extend(last);
                Self::All { of, but }
            }
        };
        reads.into_iter().fold(all, |plan, test| Self::Read(Box::new(plan), test))
    }

    /// Whether this is known to be the same as the other.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Set(one), Self::Set(other)) => Arc::ptr_eq(one, other),
            (Self::Terms(one, words), Self::Terms(other, others)) => Arc::ptr_eq(one, other) && words == others,
            _ => false,
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
            Self::Read(plan, _) => plan.scores(),
            Self::Everything | Self::Nothing | Self::Terms(..) | Self::Set(_) | Self::Range(..) | Self::Tested(..) => {
                false
            }
        }
    }

    /// Whether a set of the documents is worth keeping, since each one costs much to make: documents are looked at one
    /// by one, or found by many words.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        match self {
            Self::Tested(..) | Self::Read(..) | Self::Range(..) | Self::Any(_) => true,
            Self::Terms(_, terms) => terms.len() > 1,
            Self::Words { words, .. } => words.len() > 1 || words.iter().any(|forms| forms.len() > 1),
            Self::All { of, but } => of.iter().chain(but).any(Self::is_worth_keeping),
            Self::Everything | Self::Nothing | Self::Set(_) => false,
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
}
