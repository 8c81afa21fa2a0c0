//! Documents with certain words, one after the other.

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::SegmentPostings;
use tantivy::query::Scorer;
use tantivy::{DocId, DocSet, Score, SeekDangerResult, TERMINATED};

use super::Union;
use crate::relevance::Weight;
use crate::search::Tick;

/// Weighs what is found by BM25.
#[derive(Clone)]
pub(crate) struct Bm25 {
    pub(crate) weight: Weight,
    /// The lengths of the texts, in words.
    pub(crate) lengths: FieldNormReader,
}

/// The documents in which the words stand one after the other; of one word, those that have it. Each word may
/// have several forms. Ends early when the time is up.
pub(crate) struct Phrase {
    words: Vec<Union<SegmentPostings>>,
    bm25: Option<Bm25>,
    doc: DocId,
    /// How often the phrase stands in the current document, once asked.
    frequency: u32,
    /// Where the phrase may end, and where the next word stands.
    ends: Vec<u32>,
    positions: Vec<u32>,
    tick: Tick,
}

impl Phrase {
    pub(crate) fn new(mut words: Vec<Union<SegmentPostings>>, bm25: Option<Bm25>, tick: Tick) -> Self {
        let doc = words.first_mut().map_or(TERMINATED, |word| word.doc());
        let mut phrase = Self { words, bm25, doc, frequency: 0, ends: Vec::new(), positions: Vec::new(), tick };
        phrase.find(doc);
        phrase
    }

    /// The first document with the phrase, from `doc` on.
    fn find(&mut self, mut doc: DocId) -> DocId {
        'documents: while doc != TERMINATED {
            if self.tick.is_over() {
                doc = TERMINATED;
                break;
            }
            for word in &mut self.words {
                let here = if word.doc() < doc { word.seek(doc) } else { word.doc() };
                if here > doc {
                    doc = here;
                    continue 'documents;
                }
            }
            self.frequency = self.count();
            if self.frequency > 0 {
                break;
            }
            doc = self.words.first_mut().map_or(TERMINATED, DocSet::advance);
        }
        self.doc = doc;
        doc
    }

    /// How often the phrase stands in the document where all words are.
    fn count(&mut self) -> u32 {
        if let [word] = self.words.as_mut_slice() {
            return if self.bm25.is_some() { word.frequency() } else { 1 };
        }
        let mut behind = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        for (at, word) in self.words.iter_mut().enumerate() {
            behind = behind.saturating_sub(1);
            if at == 0 {
                word.positions(behind, &mut self.ends);
            } else {
                word.positions(behind, &mut self.positions);
                let mut positions = self.positions.iter().copied().peekable();
                self.ends.retain(|end| {
                    while positions.next_if(|position| position < end).is_some() {}
                    positions.peek() == Some(end)
                });
            }
            if self.ends.is_empty() {
                return 0;
            }
        }
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }
}

impl DocSet for Phrase {
    fn advance(&mut self) -> DocId {
        if self.doc == TERMINATED {
            return TERMINATED;
        }
        let doc = self.words.first_mut().map_or(TERMINATED, DocSet::advance);
        self.find(doc)
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.doc >= target {
            return self.doc;
        }
        self.find(target)
    }

    /// Looks at the one document: the next with the phrase may be far beyond it. Unless it has the phrase, the words
    /// are left ahead of the current document.
    fn seek_danger(&mut self, target: DocId) -> SeekDangerResult {
        if self.tick.is_over() {
            self.doc = TERMINATED;
        }
        if target == TERMINATED || self.doc == TERMINATED {
            return SeekDangerResult::SeekLowerBound(TERMINATED);
        }
        if self.doc < target {
            for word in &mut self.words {
                let here = if word.doc() < target { word.seek(target) } else { word.doc() };
                if here > target {
                    return SeekDangerResult::SeekLowerBound(here);
                }
            }
            self.frequency = self.count();
            if self.frequency == 0 {
                return SeekDangerResult::SeekLowerBound(target + 1);
            }
            self.doc = target;
        }
        if self.doc == target { SeekDangerResult::Found } else { SeekDangerResult::SeekLowerBound(self.doc) }
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.words.iter().map(DocSet::size_hint).min().unwrap_or(0)
    }

    fn cost(&self) -> u64 {
        let positions = if self.words.len() > 1 { 8 } else { 1 };
        self.words.iter().map(DocSet::cost).fold(0, u64::saturating_add).saturating_mul(positions)
    }
}

impl Scorer for Phrase {
    fn score(&mut self) -> Score {
        self.bm25.as_ref().map_or(0.0, |bm25| bm25.weight.score(self.frequency, bm25.lengths.fieldnorm(self.doc)))
    }
}
