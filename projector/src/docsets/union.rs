//! The union of any number of sets of documents, found lazily: what is not visited costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::AddAssign;

use tantivy::postings::{Postings, SegmentPostings};
use tantivy::query::Scorer;
use tantivy::{DocId, DocSet, Score, TERMINATED};

/// Every document that is in at least one of the sets.
pub(crate) struct Union<D> {
    sets: Vec<D>,
    /// The sets beyond the current document, the nearest first.
    ahead: BinaryHeap<Reverse<(DocId, usize)>>,
    /// The sets at the current document, in order.
    here: Vec<usize>,
    doc: DocId,
}

impl<D: DocSet> Union<D> {
    pub(crate) fn new(sets: Vec<D>) -> Self {
        let ahead = sets.iter().enumerate().map(|(at, set)| Reverse((set.doc(), at))).collect();
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

    /// Takes the sets at the nearest document out of the heap.
    fn arrive(&mut self) -> DocId {
        self.doc = self.ahead.peek().map_or(TERMINATED, |Reverse((doc, _))| *doc);
        self.here.clear();
        if self.doc != TERMINATED {
            while let Some(Reverse((doc, at))) = self.ahead.peek().copied()
                && doc == self.doc
            {
                self.ahead.pop();
                self.here.push(at);
            }
        }
        self.doc
    }

    /// Puts a set back behind `step`, unless it is at its end.
    fn put_back(&mut self, at: usize, step: impl Fn(&mut D) -> DocId) {
        if let Some(set) = self.sets.get_mut(at) {
            let doc = step(set);
            if doc != TERMINATED {
                self.ahead.push(Reverse((doc, at)));
            }
        }
    }
}

impl<D: DocSet> DocSet for Union<D> {
    fn advance(&mut self) -> DocId {
        let here = std::mem::take(&mut self.here);
        for at in &here {
            self.put_back(*at, D::advance);
        }
        self.here = here;
        self.arrive()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.doc >= target {
            return self.doc;
        }
        let here = std::mem::take(&mut self.here);
        for at in &here {
            self.put_back(*at, |set| set.seek(target));
        }
        self.here = here;
        while let Some(Reverse((doc, at))) = self.ahead.peek().copied()
            && doc < target
        {
            self.ahead.pop();
            self.put_back(at, |set| set.seek(target));
        }
        self.arrive()
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
