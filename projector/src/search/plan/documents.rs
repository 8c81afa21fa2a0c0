//! The documents of a plan: found one after the other, or put together as bits where that is quicker.

use std::sync::Arc;

use tantivy::index::InvertedIndexReader;
use tantivy::postings::{SegmentPostings, TermInfo};
use tantivy::query::{AllScorer, BitSetDocSet, ConstScorer, EmptyScorer, Exclude, Scorer, intersect_scorers};
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocSet, SegmentReader, TERMINATED};

use super::union_size::UnionSize;
use super::{Plan, SegmentRead};
use crate::docsets::{ColumnRange, Filtered, Phrase, Union, gather};
use crate::search::{SearchError, Tick};

/// What a test takes, in steps from one document to the next.
const TEST: u64 = 3;
/// What reading a text takes.
const READ: u64 = 1000;
/// Bits are cut with each other this many at a time: fewer documents of a segment are looked up one by one.
const CUT: u32 = 64;

impl Plan {
    /// The matching documents, deleted ones among them.
    pub(crate) fn documents(&self, read: SegmentRead<'_>) -> Result<Box<dyn Scorer>, SearchError> {
        self.documents_beside(read, read.reader.max_doc())
    }

    /// The same for who looks up so many documents in them at most.
    fn documents_beside(&self, read: SegmentRead<'_>, looked_up: u32) -> Result<Box<dyn Scorer>, SearchError> {
        read.watch.check(read.part)?;
        if self.is_better_gathered(looked_up) {
            return Ok(Box::new(ConstScorer::new(BitSetDocSet::from(self.gathered(read)?), 0.0)));
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
            Self::Set(documents) => set(Arc::clone(documents)),
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
            Self::Read(plan, tests) => {
                let mut tests = tests.iter().map(|test| test()).collect::<Result<Vec<_>, _>>()?;
                let read_all = READ.saturating_mul(tests.len() as u64);
                let passes = move |doc| tests.iter_mut().all(|passes| passes(doc));
                Box::new(Filtered::new(plan.documents_beside(read, looked_up)?, tick, read_all, passes))
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

    fn is_better_gathered(&self, looked_up: u32) -> bool {
        self.union().is_some_and(|union| union.is_better_gathered(looked_up))
    }

    /// The documents of a union.
    pub(crate) fn gathered(&self, read: SegmentRead<'_>) -> Result<BitSet, SearchError> {
        let mut documents = BitSet::with_max_value(read.reader.max_doc());
        self.gather(&mut documents, &mut Tick::new(read.watch))?;
        Ok(documents)
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
    let mut bits: Vec<Arc<BitSet>> = plans.iter().filter_map(Plan::bits).cloned().collect();
    let looked_up = bits.iter().map(|bits| length(bits)).fold(looked_up, u32::min);
    let (unions, others): (Vec<_>, Vec<_>) =
        plans.iter().filter(|plan| plan.bits().is_none()).partition(|plan| plan.union().is_some());
    let mut sets = documents_of_each(others, read, looked_up)?;
    let looked_up = sets.iter().map(DocSet::size_hint).fold(looked_up, u32::min);
    let (gathered, unions): (Vec<_>, Vec<_>) = unions.into_iter().partition(|plan| plan.is_better_gathered(looked_up));
    sets.extend(documents_of_each(unions, read, looked_up)?);
    for plan in gathered {
        let documents = plan.gathered(read)?;
        if length(&documents) < read.reader.max_doc() / CUT {
            sets.push(set(Arc::new(documents)));
        } else {
            // Takes the place of all bits so far, as it is in all of them.
            bits = vec![Arc::new(in_all(documents, &bits))];
        }
    }
    sets.sort_by_key(DocSet::cost);
    // Looking a document up in bits is cheaper than in anything else, so it is done first, unless the bits are fewer.
    let cheapest = sets.first().map(DocSet::cost);
    let (tests, first): (Vec<_>, Vec<_>) =
        bits.into_iter().partition(|bits| cheapest.is_some_and(|cost| cost <= u64::from(length(bits))));
    if !tests.is_empty() {
        let passes = move |doc| tests.iter().all(|bits| bits.contains(doc));
        let tested = Filtered::new(sets.swap_remove(0), Tick::new(read.watch), 0, passes);
        sets.push(Box::new(tested));
    }
    sets.extend(first.into_iter().map(set));
    Ok(if sets.is_empty() { Box::new(everything(read.reader)) } else { intersect_scorers(sets, read.reader.max_doc()) })
}

/// What is in all of these.
fn in_all(mut documents: BitSet, others: &[Arc<BitSet>]) -> BitSet {
    for other in others {
        documents.intersect_update(&other.as_ref().into());
    }
    documents
}

fn documents_of_each<'p>(
    plans: impl IntoIterator<Item = &'p Plan>,
    read: SegmentRead<'_>,
    looked_up: u32,
) -> Result<Vec<Box<dyn Scorer>>, SearchError> {
    plans.into_iter().map(|plan| plan.documents_beside(read, looked_up)).collect()
}

fn set(documents: Arc<BitSet>) -> Box<dyn Scorer> {
    Box::new(ConstScorer::new(BitSetDocSet::from(Arc::unwrap_or_clone(documents)), 0.0))
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
