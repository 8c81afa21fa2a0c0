//! The words of a segment's dictionary as one run of bytes, so that a part of a word is found by scanning it.
//!
//! A dictionary finds words by how they begin; where a search knows another part of them, going through all of them
//! one by one takes a hundred times as long as looking for the bytes. What three bytes stand side by side in which
//! block of the run is noted, so that for most searches most blocks are passed over, 64 at a time. Where the documents
//! of each word are is kept too, for a dictionary finds that by all bytes of a word only. All of it costs the length of
//! the words, 13 bytes each, and half of the length again for the notes, at least 128 KiB.

use std::iter;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};
use tantivy::postings::TermInfo;
use tantivy::termdict::TermDictionary;

/// Stands before each word and behind the last. No byte of UTF-8.
const EDGE: u8 = 0xFF;
/// Bytes of a block of the run.
const BLOCK_BYTES: usize = 4096;
/// How far the notes of a block look into the next one.
const BEYOND_BYTES: usize = 64;
/// Bits of a block's notes: four for each of its bytes, so that about one in four is set at most.
const NOTE_BITS: usize = 4 * BLOCK_BYTES;
/// Blocks that are noted together.
const NOTED_BLOCKS: usize = u64::BITS as usize;

/// The words of one field.
#[derive(Debug)]
pub(crate) struct Lexicon {
    words: Box<[u8]>,
    /// By the number of the block: how many edges there are before it.
    edges: Box<[usize]>,
    /// Of so many blocks each as a word has bits.
    notes: Box<[Notes]>,
    /// By the number of the word: where its postings begin, which is where those of the word before end.
    postings: Box<[usize]>,
    /// In how many documents it is.
    documents: Box<[u32]>,
}

/// A word that was found.
#[derive(Debug)]
pub(crate) struct FoundWord<'a> {
    pub(crate) text: &'a [u8],
    number: usize,
}

/// Which three bytes stand side by side in which of some blocks; of some also those that don't. By the bits of the
/// three bytes, the blocks that have it, each a bit: a search asks for a few of all blocks.
#[derive(Debug)]
struct Notes(Box<[u64]>);

impl Notes {
    fn of<'b>(blocks: impl IntoIterator<Item = &'b [u8]>) -> Self {
        let mut notes = vec![0; NOTE_BITS].into_boxed_slice();
        for (at, bytes) in blocks.into_iter().enumerate() {
            for bit in three_by_three(bytes) {
                if let Some(blocks) = notes.get_mut(bit) {
                    *blocks |= 1_u64 << at;
                }
            }
        }
        Self(notes)
    }

    /// The blocks that have all of them, the nearest first.
    fn blocks_with(&self, bits: &[usize]) -> impl Iterator<Item = usize> + use<> {
        let mut blocks = u64::MAX;
        for bit in bits {
            blocks &= self.0.get(*bit).copied().unwrap_or_default();
            if blocks == 0 {
                break;
            }
        }
        iter::from_fn(move || {
            let next = (blocks != 0).then(|| blocks.trailing_zeros() as usize)?;
            blocks &= blocks - 1;
            Some(next)
        })
    }
}

/// The bits of all that stands three bytes side by side.
fn three_by_three(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.array_windows().map(|&[first, second, third]| {
        let three = u32::from_le_bytes([first, second, third, 0]);
        // Fibonacci's hash: the highest bits depend on all of them.
        (three.wrapping_mul(0x9E37_79B1) >> (u32::BITS - NOTE_BITS.ilog2())) as usize
    })
}

/// A part of a word that a search knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WordPart<'a> {
    pub(crate) text: &'a str,
    /// Whether the word begins with it.
    pub(crate) is_start: bool,
    /// Whether the word ends with it.
    pub(crate) is_end: bool,
}

impl Lexicon {
    pub(crate) fn of(dictionary: &TermDictionary) -> tantivy::Result<Self> {
        let mut words = vec![EDGE];
        let (mut postings, mut documents) = (vec![0], Vec::new());
        let mut terms = dictionary.stream()?;
        while terms.advance() {
            words.extend_from_slice(terms.key());
            words.push(EDGE);
            postings.push(terms.value().postings_range.end);
            documents.push(terms.value().doc_freq);
        }
        let starts: Vec<usize> = (0..words.len()).step_by(BLOCK_BYTES).collect();
        let notes = starts
            .chunks(NOTED_BLOCKS)
            .map(|starts| Notes::of(starts.iter().map(|start| upto(&words, *start, BLOCK_BYTES + BEYOND_BYTES))));
        let mut before = 0;
        let edges = starts.iter().map(|start| {
            let here = before;
            before += edges_in(upto(&words, *start, BLOCK_BYTES));
            here
        });
        Ok(Self {
            notes: notes.collect(),
            edges: edges.collect(),
            words: words.into_boxed_slice(),
            postings: postings.into_boxed_slice(),
            documents: documents.into_boxed_slice(),
        })
    }

    /// Where the documents of a word are. Where its positions are is not kept.
    pub(crate) fn documents_of(&self, word: &FoundWord<'_>) -> Option<TermInfo> {
        let (start, end) = (*self.postings.get(word.number)?, *self.postings.get(word.number + 1)?);
        let doc_freq = *self.documents.get(word.number)?;
        Some(TermInfo { doc_freq, postings_range: start..end, positions_range: 0..0 })
    }

    /// Calls `take` with every word that has the part, each once and in order, until that fails.
    pub(crate) fn visit<E>(
        &self,
        part: WordPart<'_>,
        mut take: impl FnMut(FoundWord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut needle = Vec::with_capacity(part.text.len() + 2);
        if part.is_start {
            needle.push(EDGE);
        }
        needle.extend_from_slice(part.text.as_bytes());
        if part.is_end {
            needle.push(EDGE);
        }
        let finder = Finder::new(&needle);
        let bits: Vec<usize> = three_by_three(upto(&needle, 0, BEYOND_BYTES)).collect();
        let mut from = 0;
        let noted = self.notes.iter().zip((0..).step_by(NOTED_BLOCKS));
        let blocks = noted.flat_map(|(notes, first)| notes.blocks_with(&bits).map(move |at| first + at));
        for (block, edges) in blocks.filter_map(|block| Some((block, self.edges.get(block)?))) {
            // All that begins in the block.
            let block_start = block * BLOCK_BYTES;
            let end = block_start + BLOCK_BYTES + needle.len() - 1;
            let (mut edges, mut counted_to) = (*edges, block_start);
            from = from.max(block_start);
            while let Some(at) = finder.find(upto(&self.words, from, end.saturating_sub(from))) {
                // A part that is the start has its edge in front, which is where the word before it ends.
                let inside = from + at + usize::from(part.is_start);
                let start =
                    self.words.get(..inside).and_then(|before| memrchr(EDGE, before)).map_or(0, |edge| edge + 1);
                let rest = self.words.get(inside..).unwrap_or_default();
                let end = inside + memchr(EDGE, rest).unwrap_or(rest.len());
                edges += edges_in(self.words.get(counted_to..inside).unwrap_or_default());
                counted_to = inside;
                let text = self.words.get(start..end).unwrap_or_default();
                take(FoundWord { text, number: edges.saturating_sub(1) })?;
                // The edge behind this word is that in front of the next.
                from = end;
            }
        }
        Ok(())
    }
}

fn edges_in(bytes: &[u8]) -> usize {
    memchr_iter(EDGE, bytes).count()
}

/// So many bytes from there on, or what there is of them.
fn upto(bytes: &[u8], from: usize, length: usize) -> &[u8] {
    bytes.get(from..).map(|rest| rest.get(..length).unwrap_or(rest)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tantivy::index::InvertedIndexReader;
    use tantivy::schema::{Schema, TEXT};
    use tantivy::{Index, doc};

    use super::*;

    /// Of a text for each of some numbers of words, so that words are in different numbers of documents.
    fn dictionary(words: &[&str]) -> Arc<InvertedIndexReader> {
        let mut builder = Schema::builder();
        let text = builder.add_text_field("text", TEXT);
        let index = Index::create_in_ram(builder.build());
        let mut writer = index.writer_with_num_threads(1, 50_000_000).expect("a writer");
        for share in 1..=7 {
            writer.add_document(doc!(text => words[..words.len() * share / 7].join(" "))).expect("added");
        }
        writer.commit().expect("committed");
        let searcher = index.reader().expect("a reader").searcher();
        searcher.segment_reader(0).inverted_index(text).expect("an index")
    }

    #[test]
    fn words_are_found_by_any_part_of_them() {
        let index = dictionary(&["ana", "anana", "banana", "nan", "über", "übernahme"]);
        let lexicon = Lexicon::of(index.terms()).expect("a lexicon");
        let find = |text, is_start, is_end| {
            let mut found = Vec::new();
            let take = |word: FoundWord<'_>| {
                found.push(String::from_utf8_lossy(word.text).into_owned());
                Ok::<_, ()>(())
            };
            lexicon.visit(WordPart { text, is_start, is_end }, take).expect("nothing stops it");
            found
        };
        assert_eq!(find("ana", false, false), ["ana", "anana", "banana"]);
        assert_eq!(find("ana", true, false), ["ana", "anana"]);
        assert_eq!(find("ana", false, true), ["ana", "anana", "banana"]);
        assert_eq!(find("ana", true, true), ["ana"]);
        assert_eq!(find("n", false, true), ["nan"]);
        assert_eq!(find("über", true, false), ["über", "übernahme"]);
        assert_eq!(find("er", false, true), ["über"]);
        assert_eq!(find("x", false, false), [""; 0]);
    }

    #[test]
    fn words_are_found_in_blocks_that_are_not_noted_together() {
        let words: Vec<String> = (0..40_000).map(|number| format!("{:x}", number * 7919)).collect();
        let index = dictionary(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let lexicon = Lexicon::of(index.terms()).expect("a lexicon");
        assert!(lexicon.notes.len() > 1, "{} blocks", lexicon.edges.len());
        for word in words.iter().step_by(101) {
            let mut found = Vec::new();
            let take = |word: FoundWord<'_>| {
                let documents = lexicon.documents_of(&word).expect("a word of it");
                found.push((word.text.to_vec(), documents.postings_range, documents.doc_freq));
                Ok::<_, ()>(())
            };
            lexicon.visit(WordPart { text: word, is_start: true, is_end: true }, take).expect("nothing stops it");
            let info = index.terms().get(word).expect("readable").expect("a word of it");
            assert_eq!(found, [(word.clone().into_bytes(), info.postings_range, info.doc_freq)]);
        }
    }

    #[test]
    fn words_are_found_wherever_they_stand_in_a_long_run() {
        let words: Vec<String> = (0..3000).map(|number| format!("w{:x}", number * 7919)).collect();
        let index = dictionary(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let dictionary = index.terms();
        let lexicon = Lexicon::of(dictionary).expect("a lexicon");
        for text in words.iter().map(|word| &word[1..]).chain(["w", "ab", "abc", "1", "ffff", "zzz"]) {
            for (is_start, is_end) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut found = Vec::new();
                let take = |word: FoundWord<'_>| {
                    let info = dictionary.get(word.text).expect("readable").expect("a word of it");
                    let documents = lexicon.documents_of(&word).expect("a word of it");
                    assert_eq!((documents.doc_freq, documents.postings_range), (info.doc_freq, info.postings_range));
                    found.push(String::from_utf8_lossy(word.text).into_owned());
                    Ok::<_, ()>(())
                };
                lexicon.visit(WordPart { text, is_start, is_end }, take).expect("nothing stops it");
                let has = |word: &&String| match (is_start, is_end) {
                    (false, false) => word.contains(text),
                    (true, false) => word.starts_with(text),
                    (false, true) => word.ends_with(text),
                    (true, true) => word.as_str() == text,
                };
                let mut expected: Vec<String> = words.iter().filter(has).cloned().collect();
                expected.sort();
                assert_eq!(found, expected, "{text} {is_start} {is_end}");
            }
        }
    }
}
