//! `ILIKE`: whether a text is like a pattern, in any case.
//!
//! In a pattern `%` stands for any characters, `_` for one, and `\` makes the next character plain; a `\` at the end
//! stands for itself. Case is folded character by character ([`char::to_lowercase`]), in pattern and text alike, so
//! what becomes of a character never depends on its neighbours: `Σ` is always `σ`; `ß` stays `ß` and is not `ss`;
//! Turkish `İ` becomes `i` and a dot above (U+0307), two characters, so that `i` is in it; the dotless `ı` stays, and
//! `I` becomes `i`. Nothing is composed or decomposed: texts are compared code point by code point.

mod matcher;
mod wild;

pub use matcher::LikeMatcher;

use serde::{Deserialize, Serialize};

use crate::limits::LIKE_BYTES;

/// Where in a text the pattern stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Place {
    Anywhere,
    Start,
    End,
}

/// A pattern, parsed and in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LikePattern {
    place: Place,
    /// What stands between the `%`, in order. The first is at the start of a text, or the last at its end, if the
    /// place says so.
    pieces: Vec<Piece>,
}

/// Characters that stand side by side; one at least.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Piece(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Part {
    /// These characters.
    Text(String),
    /// So many characters, whatever they are.
    Any(usize),
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    #[error("expected at most {LIKE_BYTES} bytes to search for")]
    TooLong,
    #[error("expected a text without the character NUL to search for")]
    Nul,
}

/// Characters that every text like the pattern has side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal<'a> {
    pub text: &'a str,
    /// Whether the text begins with them.
    pub at_start: bool,
    /// Whether the text ends with them.
    pub at_end: bool,
}

impl LikePattern {
    /// The pattern that a client wrote, without the white space around it.
    pub fn new(text: &str, place: Place) -> Result<Self, NotAPattern> {
        let text = text.trim();
        if text.len() > LIKE_BYTES {
            return Err(NotAPattern::TooLong);
        }
        if text.contains('\0') {
            return Err(NotAPattern::Nul);
        }
        let mut pieces = Vec::new();
        let mut piece = Piece::default();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => pieces.push(std::mem::take(&mut piece)),
                '_' => piece.any_one(),
                '\\' => piece.just(characters.next().unwrap_or('\\')),
                plain => piece.just(plain),
            }
        }
        pieces.push(piece);
        let is_held = match place {
            Place::Anywhere => false,
            Place::Start => pieces.first().is_some_and(|first| !first.0.is_empty()),
            Place::End => pieces.last().is_some_and(|last| !last.0.is_empty()),
        };
        pieces.retain(|piece| !piece.0.is_empty());
        Ok(Self { place: if is_held { place } else { Place::Anywhere }, pieces })
    }

    /// Whether every text is like it.
    pub fn is_everything(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The characters that are all there is to the pattern: a text is like it that has them anywhere.
    pub fn only_literal(&self) -> Option<&str> {
        match (self.place, self.pieces.as_slice()) {
            (Place::Anywhere, [Piece(parts)]) => match parts.as_slice() {
                [Part::Text(text)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// What the wildcards leave of the pattern, in order.
    pub fn literals(&self) -> impl Iterator<Item = Literal<'_>> {
        let pieces = self.pieces.len();
        self.pieces.iter().enumerate().flat_map(move |(at, Piece(parts))| {
            let is_first = self.place == Place::Start && at == 0;
            let is_last = self.place == Place::End && at + 1 == pieces;
            parts.iter().enumerate().filter_map(move |(at, part)| match part {
                Part::Any(_) => None,
                Part::Text(text) => {
                    Some(Literal { text, at_start: is_first && at == 0, at_end: is_last && at + 1 == parts.len() })
                }
            })
        })
    }

    /// What tells which texts are like the pattern. To be made once for many texts.
    pub fn matcher(&self) -> LikeMatcher {
        LikeMatcher::new(self)
    }
}

impl Piece {
    fn any_one(&mut self) {
        match self.0.last_mut() {
            Some(Part::Any(count)) => *count += 1,
            _ => self.0.push(Part::Any(1)),
        }
    }

    fn just(&mut self, character: char) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.extend(character.to_lowercase()),
            _ => self.0.push(Part::Text(character.to_lowercase().collect())),
        }
    }
}

#[cfg(test)]
mod tests;
