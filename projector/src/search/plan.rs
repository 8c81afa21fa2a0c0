//! What a filter means in one segment: a tree that makes sets of documents, as often as they are needed.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::{SegmentPostings, TermInfo};
use tantivy::query::{AllScorer, BitSetDocSet, ConstScorer, EmptyScorer, Exclude, Scorer, intersect_scorers};
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocId, DocSet, SegmentReader, TERMINATED};

use super::union_size::UnionSize;
use super::watch::{SearchError, Tick, Watch};
use crate::docsets::{Bm25, ColumnRange, Filtered, Phrase, Union, gather};

/// What a test takes, in steps from one document to the next.
const TEST: u64 = 3;
/// What reading a text takes.
const READ: u64 = 1000;

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

    /// The matching documents, deleted ones among them.
    pub(crate) fn documents(&self, read: SegmentRead<'_>) -> Result<Box<dyn Scorer>, SearchError> {
        self.documents_beside(read, read.reader.max_doc())
    }

    /// The same for who looks up so many documents in them at most.
    fn documents_beside(&self, read: SegmentRead<'_>, looked_up: u32) -> Result<Box<dyn Scorer>, SearchError> {
        if self.union().is_some_and(|union| union.is_better_gathered(looked_up)) {
            let mut documents = BitSet::with_max_value(read.reader.max_doc());
            self.gather(&mut documents, &mut Tick::new(read.watch))?;
            return Ok(Box::new(ConstScorer::new(BitSetDocSet::from(documents), 0.0)));
        }
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
            Self::Set(documents) => set(documents),
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
            Self::Tested(plan, test) => {
                Box::new(Filtered::new(plan.documents_beside(read, looked_up)?, tick, TEST, test()?))
            }
            Self::Read(plan, test) => {
                Box::new(Filtered::new(plan.documents_beside(read, looked_up)?, tick, READ, test()?))
            }
            Self::All { of, but } => {
                let of = documents_of_all(of, read, looked_up)?;
                if but.is_empty() {
                    return Ok(of);
                }
                Box::new(Exclude::new(of, documents_of_each(but, read, looked_up)?))
            }
            Self::Any(plans) => Box::new(Union::new(documents_of_each(plans, read, looked_up)?)),
        })
    }

    fn bits(&self) -> Option<&Arc<BitSet>> {
        match self {
            Self::Set(documents) => Some(documents),
            _ => None,
        }
    }

    /// What there is to gather, if the documents are those of words and sets and nothing weighs them.
    fn union(&self) -> Option<UnionSize> {
        let of_words = |words: &[TermInfo]| UnionSize {
            sets: words.len() as u64,
            documents: words.iter().map(|word| u64::from(word.doc_freq)).sum(),
        };
        match self {
            Self::Terms(_, words) => Some(of_words(words)),
            Self::Words { words, bm25: None, .. } => match words.as_slice() {
                [forms] => Some(of_words(forms)),
                _ => None,
            },
            Self::Set(documents) => Some(UnionSize { sets: 1, documents: documents.len() as u64 }),
            Self::Any(plans) => plans.iter().map(Self::union).sum(),
            Self::Everything
            | Self::Nothing
            | Self::Range(..)
            | Self::Words { .. }
            | Self::Tested(..)
            | Self::Read(..)
            | Self::All { .. } => None,
        }
    }

    /// Adds the documents of a union.
    fn gather(&self, documents: &mut BitSet, tick: &mut Tick) -> Result<(), SearchError> {
        match self {
            Self::Terms(index, words) => gather(index, words, documents, tick),
            Self::Words { index, words, .. } => {
                words.iter().try_for_each(|forms| gather(index, forms, documents, tick))
            }
            Self::Set(set) => {
                let mut set = BitSetDocSet::from(BitSet::clone(set));
                while set.doc() != TERMINATED {
                    documents.insert(set.doc());
                    set.advance();
                }
                Ok(())
            }
            Self::Any(plans) => plans.iter().try_for_each(|plan| plan.gather(documents, tick)),
            Self::Everything
            | Self::Nothing
            | Self::Range(..)
            | Self::Tested(..)
            | Self::Read(..)
            | Self::All { .. } => Ok(()),
        }
    }
}

fn documents_of_all(plans: &[Plan], read: SegmentRead<'_>, looked_up: u32) -> Result<Box<dyn Scorer>, SearchError> {
    let bits: Vec<&Arc<BitSet>> = plans.iter().filter_map(Plan::bits).collect();
    let looked_up = bits.iter().map(|bits| length(bits)).fold(looked_up, u32::min);
    let (unions, others): (Vec<_>, Vec<_>) =
        plans.iter().filter(|plan| plan.bits().is_none()).partition(|plan| plan.union().is_some());
    let mut sets = documents_of_each(others, read, looked_up)?;
    let looked_up = sets.iter().map(DocSet::size_hint).fold(looked_up, u32::min);
    sets.extend(documents_of_each(unions, read, looked_up)?);
    sets.sort_by_key(DocSet::cost);
    // Looking a document up in bits is cheaper than in anything else, so it is done first, unless the bits are fewer.
    let cheapest = sets.first().map(DocSet::cost);
    let (tests, first): (Vec<_>, Vec<_>) =
        bits.into_iter().partition(|bits| cheapest.is_some_and(|cost| cost <= u64::from(length(bits))));
    if !tests.is_empty() {
        let tests: Vec<Arc<BitSet>> = tests.into_iter().map(Arc::clone).collect();
        let passes = move |doc| tests.iter().all(|bits| bits.contains(doc));
        let tested = Filtered::new(sets.swap_remove(0), Tick::new(read.watch), 0, passes);
        sets.push(Box::new(tested));
    }
    sets.extend(first.into_iter().map(set));
    Ok(if sets.is_empty() { Box::new(everything(read.reader)) } else { intersect_scorers(sets, read.reader.max_doc()) })
}

fn documents_of_each<'p>(
    plans: impl IntoIterator<Item = &'p Plan>,
    read: SegmentRead<'_>,
    looked_up: u32,
) -> Result<Vec<Box<dyn Scorer>>, SearchError> {
    plans.into_iter().map(|plan| plan.documents_beside(read, looked_up)).collect()
}

fn set(documents: &Arc<BitSet>) -> Box<dyn Scorer> {
    Box::new(ConstScorer::new(BitSetDocSet::from(BitSet::clone(documents)), 0.0))
}

fn length(documents: &BitSet) -> u32 {
    u32::try_from(documents.len()).unwrap_or(u32::MAX)
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
