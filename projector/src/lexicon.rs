//! The words of a segment's dictionary as one run of bytes, so that a part of a word is found by scanning it.
//!
//! A dictionary finds words by how they begin; where a search knows another part of them, going through all of them
//! one by one takes a hundred times as long as looking for the bytes. It costs the length of the words and a byte each.

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use tantivy::termdict::TermDictionary;

/// Stands before each word and behind the last. No byte of UTF-8.
const EDGE: u8 = 0xFF;

/// The words of one field.
#[derive(Debug)]
pub(crate) struct Lexicon {
    words: Box<[u8]>,
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
        let mut terms = dictionary.stream()?;
        while terms.advance() {
            words.extend_from_slice(terms.key());
            words.push(EDGE);
        }
        Ok(Self { words: words.into_boxed_slice() })
    }

    /// Calls `take` with every word that has the part, each once and in order, until that fails.
    pub(crate) fn visit<E>(&self, part: WordPart<'_>, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut needle = Vec::with_capacity(part.text.len() + 2);
        if part.is_start {
            needle.push(EDGE);
        }
        needle.extend_from_slice(part.text.as_bytes());
        if part.is_end {
            needle.push(EDGE);
        }
        let finder = Finder::new(&needle);
        let mut from = 0;
        while let Some(at) = self.words.get(from..).and_then(|rest| finder.find(rest)) {
            // A part that is the start has its edge in front, which is where the word before it ends.
            let inside = from + at + usize::from(part.is_start);
            let start = self.words.get(..inside).and_then(|before| memrchr(EDGE, before)).map_or(0, |edge| edge + 1);
            let rest = self.words.get(inside..).unwrap_or_default();
            let end = inside + memchr(EDGE, rest).unwrap_or(rest.len());
            take(self.words.get(start..end).unwrap_or_default())?;
            // The edge behind this word is that in front of the next.
            from = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tantivy::schema::{Schema, TEXT};
    use tantivy::{Index, doc};

    use super::*;

    fn lexicon(words: &[&str]) -> Lexicon {
        let mut builder = Schema::builder();
        let text = builder.add_text_field("text", TEXT);
        let index = Index::create_in_ram(builder.build());
        let mut writer = index.writer_with_num_threads(1, 15_000_000).expect("a writer");
        writer.add_document(doc!(text => words.join(" "))).expect("added");
        writer.commit().expect("committed");
        let searcher = index.reader().expect("a reader").searcher();
        let inverted = searcher.segment_reader(0).inverted_index(text).expect("an index");
        Lexicon::of(inverted.terms()).expect("a lexicon")
    }

    #[test]
    fn words_are_found_by_any_part_of_them() {
        let lexicon = lexicon(&["ana", "anana", "banana", "nan", "über", "übernahme"]);
        let find = |text, is_start, is_end| {
            let mut found = Vec::new();
            let take = |word: &[u8]| {
                found.push(String::from_utf8_lossy(word).into_owned());
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
}
