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
    /// Those of the plan that pass tests each of which reads a text of theirs.
    Read(Box<Plan>, Vec<MakeTest>),
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
    /// The part of the read that the time limit names.
    pub(crate) part: &'static str,
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
                Self::Read(inner, tests) => {
                    plans.push_back(*inner);
                    reads.extend(tests);
                }
                Self::Set(_) | Self::Terms(..) if of.iter().any(|known| plan.is(known)) => {}
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
        if reads.is_empty() { all } else { Self::Read(Box::new(all), reads) }
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

    /// How many words it holds that are sought with their positions or weighed.
    pub(crate) fn words(&self) -> usize {
        match self {
            Self::Words { words, .. } => words.iter().map(Vec::len).sum(),
            Self::Any(plans) => plans.iter().map(Self::words).sum(),
            Self::All { of, but } => of.iter().chain(but).map(Self::words).sum(),
            Self::Tested(plan, _) | Self::Read(plan, _) => plan.words(),
            Self::Everything | Self::Nothing | Self::Terms(..) | Self::Set(_) | Self::Range(..) => 0,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Enough that one inside the other would be more than a stack holds.
    const MANY: usize = 100_000;

    fn read() -> Plan {
        let make: MakeTest = Box::new(|| {
            let test: Test = Box::new(|_| true);
            Ok(test)
        });
        Plan::Read(Box::new(Plan::Everything), vec![make])
    }

    #[test]
    fn texts_that_many_conditions_read_are_read_side_by_side() {
        let plan = Plan::all((0..MANY).map(|_| read()).chain([Plan::all([read(), read()])]));
        let Plan::Read(of, tests) = &plan else { panic!("expected texts to be read") };
        assert!(matches!(**of, Plan::Everything));
        assert_eq!(tests.len(), MANY + 2);
        assert!(plan.is_worth_keeping());
    }

    #[test]
    fn a_set_that_is_asked_for_twice_is_one() {
        let set = Arc::new(BitSet::with_max_value(1));
        let plan = Plan::all([Plan::Set(Arc::clone(&set)), Plan::Set(Arc::clone(&set))]);
        assert!(matches!(plan, Plan::Set(_)));
    }
}
