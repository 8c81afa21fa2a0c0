//! The union of any number of sets of documents, found lazily: what is not visited costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::AddAssign;

use tantivy::postings::{Postings, SegmentPostings};
use tantivy::query::Scorer;
use tantivy::{DocId, DocSet, Score, SeekDangerResult, TERMINATED};

/// Every document that is in at least one of the sets.
pub(crate) struct Union<D> {
    sets: Vec<D>,
    /// The sets beyond the current document, the nearest first.
    ahead: BinaryHeap<Reverse<Ahead>>,
    /// The sets at the current document, in order.
    here: Vec<usize>,
    doc: DocId,
}

/// Where a set goes on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ahead {
    /// Its next document, or one before that which was not looked for yet.
    doc: DocId,
    at: usize,
    is_there: bool,
}

impl<D: DocSet> Union<D> {
    pub(crate) fn new(sets: Vec<D>) -> Self {
        let ahead =
            sets.iter().enumerate().map(|(at, set)| Reverse(Ahead { doc: set.doc(), at, is_there: true })).collect();
        let mut union = Self { sets, ahead, here: Vec::new(), doc: TERMINATED };
        union.arrive();
        union
    }

    /// Adds something up over the sets that hold the current document.
    fn sum<N: Default + AddAssign>(&mut self, mut of: impl FnMut(&mut D) -> N) -> N {
        let mut sum = N::default();
        for at in &self.here {
            if let Some(set) = self.sets.get_mut(*at) {
                sum += of(set);
            }
        }
        sum
    }

    /// Takes the nearest set that goes on before `end`.
    fn take_before(&mut self, end: DocId) -> Option<Ahead> {
        self.ahead.peek().filter(|Reverse(ahead)| ahead.doc < end)?;
        self.ahead.pop().map(|Reverse(ahead)| ahead)
    }

    /// Takes the sets at the nearest document out of the heap: whatever comes first until one is there, then all with
    /// it.
    fn arrive(&mut self) -> DocId {
        self.doc = TERMINATED;
        self.here.clear();
        while let Some(ahead) = self.take_before((self.doc + 1).min(TERMINATED)) {
            if ahead.is_there {
                self.doc = ahead.doc;
                self.here.push(ahead.at);
            } else {
                self.look_for(ahead.doc, ahead.at);
            }
        }
        self.doc
    }

    /// Puts a set back that goes on at this document, unless that is its end.
    fn put_back(&mut self, ahead: Ahead) {
        if ahead.doc < TERMINATED {
            self.ahead.push(Reverse(ahead));
        }
    }

    /// Asks a set for this one document.
    fn look_for(&mut self, doc: DocId, at: usize) {
        let Some(set) = self.sets.get_mut(at) else { return };
        let ahead = match set.seek_danger(doc) {
            SeekDangerResult::Found => Ahead { doc, at, is_there: true },
            SeekDangerResult::SeekLowerBound(next) => Ahead { doc: next, at, is_there: false },
        };
        self.put_back(ahead);
    }

    /// Moves a set that is at a document of its own.
    fn step(&mut self, at: usize, step: impl Fn(&mut D) -> DocId) {
        let Some(set) = self.sets.get_mut(at) else { return };
        let doc = step(set);
        self.put_back(Ahead { doc, at, is_there: true });
    }

    /// Lets go of the sets at the current document.
    fn leave(&mut self, step: impl Fn(&mut Self, usize)) {
        let here = std::mem::take(&mut self.here);
        for at in &here {
            step(self, *at);
        }
        self.here = here;
        self.here.clear();
    }
}

impl<D: DocSet> DocSet for Union<D> {
    fn advance(&mut self) -> DocId {
        self.leave(|union, at| union.step(at, D::advance));
        self.arrive()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.doc >= target {
            return self.doc;
        }
        self.leave(|union, at| union.step(at, |set| set.seek(target)));
        while let Some(ahead) = self.take_before(target) {
            if ahead.is_there {
                self.step(ahead.at, |set| set.seek(target));
            } else {
                self.look_for(target, ahead.at);
            }
        }
        self.arrive()
    }

    /// Asks each set for the one document, and doesn't look for their next. Unless one has it, the sets are left ahead
    /// of the current document.
    fn seek_danger(&mut self, target: DocId) -> SeekDangerResult {
        if target == TERMINATED {
            return SeekDangerResult::SeekLowerBound(TERMINATED);
        }
        if self.doc < target {
            self.leave(|union, at| union.look_for(target, at));
            while let Some(ahead) = self.take_before(target + 1) {
                if ahead.doc == target && ahead.is_there {
                    self.here.push(ahead.at);
                } else {
                    self.look_for(target, ahead.at);
                }
            }
            if self.here.is_empty() {
                return SeekDangerResult::SeekLowerBound(
                    self.ahead.peek().map_or(TERMINATED, |Reverse(next)| next.doc),
                );
            }
            self.doc = target;
        }
        if self.doc == target { SeekDangerResult::Found } else { SeekDangerResult::SeekLowerBound(self.doc) }
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.sets.iter().map(DocSet::size_hint).fold(0, u32::saturating_add)
    }

    fn cost(&self) -> u64 {
        self.sets.iter().map(DocSet::cost).fold(0, u64::saturating_add)
    }
}

impl Scorer for Union<Box<dyn Scorer>> {
    fn score(&mut self) -> Score {
        self.sum(Scorer::score)
    }
}

impl Union<SegmentPostings> {
    /// How often the words stand in the current document.
    pub(crate) fn frequency(&mut self) -> u32 {
        self.sum(|postings| postings.term_freq())
    }

    /// Where the words stand in the current document, moved by `offset`, in order.
    pub(crate) fn positions(&mut self, offset: u32, positions: &mut Vec<u32>) {
        positions.clear();
        for at in &self.here {
            if let Some(postings) = self.sets.get_mut(*at) {
                postings.append_positions_with_offset(offset, positions);
            }
        }
        if self.here.len() > 1 {
            positions.sort_unstable();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;
    use tantivy::BitSet;
    use tantivy::query::BitSetDocSet;

    use super::*;
    use crate::docsets::Filtered;
    use crate::search::{Tick, Watch};

    const DOCS: DocId = 60;

    /// A set that finds its next document; or one that looks for no further one when asked for one that it doesn't
    /// have.
    fn set((documents, looks_ahead): &(BTreeSet<DocId>, bool)) -> Box<dyn DocSet> {
        let bits = |has: &dyn Fn(DocId) -> bool| {
            let mut bits = BitSet::with_max_value(DOCS);
            for doc in (0..DOCS).filter(|doc| has(*doc)) {
                bits.insert(doc);
            }
            BitSetDocSet::from(bits)
        };
        if *looks_ahead {
            return Box::new(bits(&|doc| documents.contains(&doc)));
        }
        let (all, tick, documents) = (bits(&|_| true), Tick::new(&Watch::new(Duration::MAX)), documents.clone());
        Box::new(Filtered::new(all, tick, 0, move |doc| documents.contains(&doc)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_union_has_what_its_sets_have_however_it_is_asked(
            sets in proptest::collection::vec((proptest::collection::btree_set(0..DOCS, 0..20), any::<bool>()), 0..4),
            steps in proptest::collection::vec((0..3, 1..15u32), 0..30),
        ) {
            let all: BTreeSet<DocId> = sets.iter().flat_map(|(documents, _)| documents).copied().collect();
            let next = |from: DocId| all.range(from..).next().copied().unwrap_or(TERMINATED);
            let mut union = Union::new(sets.iter().map(set).collect());
            prop_assert_eq!(union.doc(), next(0));
            // The document last asked for. After a miss it may only be asked for others in that way.
            let (mut doc, mut missed) = (union.doc(), false);
            for (step, distance) in steps {
                if doc == TERMINATED {
                    break;
                }
                if step == 0 && !missed {
                    prop_assert_eq!(union.advance(), next(doc + 1));
                    doc = union.doc();
                } else if step == 1 && !missed {
                    prop_assert_eq!(union.seek(doc + distance), next(doc + distance));
                    doc = union.doc();
                } else {
                    doc = doc.saturating_add(distance);
                    match union.seek_danger(doc) {
                        SeekDangerResult::Found => {
                            prop_assert_eq!((next(doc), union.doc()), (doc, doc));
                            let holding = sets.iter().filter(|(documents, _)| documents.contains(&doc)).count();
                            prop_assert_eq!(union.sum(|_| 1_usize), holding);
                            missed = false;
                        }
                        SeekDangerResult::SeekLowerBound(bound) => {
                            prop_assert!(bound > doc && bound <= next(doc), "{} after {} of {:?}", bound, doc, all);
                            missed = true;
                        }
                    }
                }
            }
            prop_assert_eq!(union.seek_danger(TERMINATED), SeekDangerResult::SeekLowerBound(TERMINATED));
        }
    }
}
