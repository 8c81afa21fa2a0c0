//! Tells which texts are like a pattern.

use memchr::memmem::Finder;

use super::wild::Wild;
use super::{LikePattern, Part, Piece, Place};
use crate::value::Value;

/// A pattern, ready to be compared with many texts. A comparison takes time in proportion to the text, whatever the
/// pattern is; with `_` in it, also to the pattern's length in words of the processor.
#[derive(Debug, Clone)]
pub struct LikeMatcher {
    place: Place,
    pieces: Vec<Sought>,
    /// Whether nothing but the characters themselves folds to those of the pattern.
    has_no_case: bool,
    /// The text that was compared last, in lower case.
    folded: String,
    /// The value that was compared last, as a text.
    written: String,
}

#[derive(Debug, Clone)]
enum Sought {
    Text(Finder<'static>),
    Wild(Wild),
}

impl LikeMatcher {
    pub(super) fn new(pattern: &LikePattern) -> Self {
        let pieces = pattern.pieces.iter().map(|Piece(parts)| match parts.as_slice() {
            [Part::Text(text)] => Sought::Text(Finder::new(text).into_owned()),
            parts => Sought::Wild(Wild::new(parts)),
        });
        let mut parts = pattern.pieces.iter().flat_map(|Piece(parts)| parts);
        let has_no_case = parts.all(|part| match part {
            Part::Text(text) => text.chars().all(has_no_case),
            // Of how many characters a text consists depends on folding.
            Part::Any(_) => false,
        });
        Self {
            place: pattern.place,
            pieces: pieces.collect(),
            has_no_case,
            folded: String::new(),
            written: String::new(),
        }
    }

    /// Whether the text is like the pattern.
    pub fn matches(&mut self, text: &str) -> bool {
        if self.has_no_case {
            return is_like(text, self.place, &self.pieces);
        }
        self.folded.clear();
        fold_case(text, &mut self.folded);
        is_like(&self.folded, self.place, &self.pieces)
    }

    /// Whether the value, written as a text, is like the pattern. Null is not.
    pub fn matches_value(&mut self, value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Text(text) => self.matches(text),
            other => {
                let mut written = std::mem::take(&mut self.written);
                written.clear();
                other.write_text(&mut written);
                let matches = self.matches(&written);
                self.written = written;
                matches
            }
        }
    }
}

/// Takes the pieces as early as they come: what one of them leaves is all that the next may take.
fn is_like(text: &str, place: Place, pieces: &[Sought]) -> bool {
    let (mut from, mut text, mut pieces) = (0, text, pieces);
    match (place, pieces) {
        (Place::Anywhere, _) | (_, []) => {}
        (Place::Start, [first, rest @ ..]) => {
            let Some(end) = first.end_at_start(text) else { return false };
            (from, pieces) = (end, rest);
        }
        (Place::End, [rest @ .., last]) => {
            let Some(before) = last.start_at_end(text).and_then(|start| text.get(..start)) else { return false };
            (text, pieces) = (before, rest);
        }
    }
    pieces.iter().all(|piece| match piece.find_end(text, from) {
        Some(end) => {
            from = end;
            true
        }
        None => false,
    })
}

impl Sought {
    /// Where the first occurrence ends that begins at `from` or after it.
    fn find_end(&self, text: &str, from: usize) -> Option<usize> {
        match self {
            Self::Text(finder) => {
                let rest = text.as_bytes().get(from..)?;
                finder.find(rest).map(|at| from + at + finder.needle().len())
            }
            Self::Wild(wild) => wild.find_end(text, from),
        }
    }

    fn end_at_start(&self, text: &str) -> Option<usize> {
        match self {
            Self::Text(finder) => text.as_bytes().starts_with(finder.needle()).then(|| finder.needle().len()),
            Self::Wild(wild) => wild.end_at_start(text),
        }
    }

    fn start_at_end(&self, text: &str) -> Option<usize> {
        match self {
            Self::Text(finder) => {
                text.as_bytes().ends_with(finder.needle()).then(|| text.len() - finder.needle().len())
            }
            Self::Wild(wild) => wild.start_at_end(text),
        }
    }
}

/// Whether no other character folds to this one, or to this one among others: only letters do, and `İ`, whose dot
/// becomes a character of its own.
fn has_no_case(character: char) -> bool {
    !character.is_alphabetic() && character != '\u{307}'
}

/// Appends the text in lower case.
fn fold_case(text: &str, folded: &mut String) {
    folded.reserve(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (plain, other) = rest.split_at(ascii);
        let start = folded.len();
        folded.push_str(plain);
        if let Some(added) = folded.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        let mut characters = other.chars();
        while let Some(character) = characters.clone().next().filter(|character| !character.is_ascii()) {
            folded.extend(character.to_lowercase());
            characters.next();
        }
        rest = characters.as_str();
    }
}
