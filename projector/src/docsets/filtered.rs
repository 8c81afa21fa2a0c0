//! A set of documents less those that don't pass a test.

use tantivy::query::Scorer;
use tantivy::{DocId, DocSet, Score, SeekDangerResult, TERMINATED};

use crate::search::Tick;

/// The documents of a set that pass a test. Ends early when the time is up.
pub(crate) struct Filtered<D, F> {
    set: D,
    passes: F,
    /// What a test costs, in steps.
    test_cost: u64,
    tick: Tick,
    /// Set once the time is up.
    ended: bool,
}

impl<D: DocSet, F: FnMut(DocId) -> bool> Filtered<D, F> {
    pub(crate) fn new(set: D, tick: Tick, test_cost: u64, passes: F) -> Self {
        let mut filtered = Self { set, passes, test_cost, tick, ended: false };
        let first = filtered.set.doc();
        filtered.pass(first);
        filtered
    }

    /// The first document that passes, from `doc` on, where the set is.
    fn pass(&mut self, mut doc: DocId) -> DocId {
        while doc != TERMINATED {
            if self.tick.is_over_after(1 + self.test_cost) {
                self.ended = true;
                return TERMINATED;
            }
            if (self.passes)(doc) {
                return doc;
            }
            doc = self.set.advance();
        }
        doc
    }
}

impl<D: DocSet, F: FnMut(DocId) -> bool + Send> DocSet for Filtered<D, F> {
    fn advance(&mut self) -> DocId {
        if self.doc() == TERMINATED {
            return TERMINATED;
        }
        let doc = self.set.advance();
        self.pass(doc)
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.doc() >= target {
            return self.doc();
        }
        let doc = self.set.seek(target);
        self.pass(doc)
    }

    fn seek_danger(&mut self, target: DocId) -> SeekDangerResult {
        if self.ended || self.tick.is_over() {
            self.ended = true;
            return SeekDangerResult::SeekLowerBound(TERMINATED);
        }
        match self.set.seek_danger(target) {
            SeekDangerResult::Found if self.tick.is_over_after(self.test_cost) => {
                self.ended = true;
                SeekDangerResult::SeekLowerBound(TERMINATED)
            }
            SeekDangerResult::Found if !(self.passes)(target) => SeekDangerResult::SeekLowerBound(target + 1),
            result => result,
        }
    }

    fn doc(&self) -> DocId {
        if self.ended { TERMINATED } else { self.set.doc() }
    }

    fn size_hint(&self) -> u32 {
        self.set.size_hint()
    }

    fn cost(&self) -> u64 {
        self.set.cost().saturating_mul(1 + self.test_cost)
    }
}

impl<D: Scorer, F: FnMut(DocId) -> bool + Send + 'static> Scorer for Filtered<D, F> {
    fn score(&mut self) -> Score {
        self.set.score()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tantivy::BitSet;
    use tantivy::query::BitSetDocSet;

    use super::*;
    use crate::search::Watch;

    #[test]
    fn a_test_that_takes_long_is_not_made_once_the_time_is_up_whether_or_not_documents_pass() {
        for passes in [true, false] {
            let mut documents = BitSet::with_max_value(5000);
            for doc in 0..5000 {
                documents.insert(doc);
            }
            let watch = Watch::new(Duration::ZERO);
            let mut tested = 0;
            let test = |_| {
                tested += 1;
                passes
            };
            let mut filtered = Filtered::new(BitSetDocSet::from(documents), Tick::new(&watch), 1000, test);
            while filtered.doc() != TERMINATED {
                filtered.advance();
            }
            drop(filtered);
            assert!(tested <= 1, "{tested} tests of documents that pass: {passes}");
        }
    }
}
