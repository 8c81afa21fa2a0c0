//! Characters side by side of which some may be any, found in one pass over the text.
//!
//! A bit per character of the pattern says whether the text read last ends with the pattern up to it. Each further
//! character moves the bits on by one and keeps those that it fits.

use memchr::memmem::Finder;

use super::Part;

const BITS: usize = u64::BITS as usize;

#[derive(Debug, Clone)]
pub(super) struct Wild {
    /// The characters, none where any will do.
    characters: Vec<Option<char>>,
    /// Characters of the pattern that are known, in order, each once.
    known: Vec<char>,
    /// By place in `known`, and last for every other character: the bits that it fits, so many words of them.
    fits: Vec<u64>,
    words: usize,
    /// The longest text in it, and how many characters stand before it.
    longest: Option<(Finder<'static>, usize)>,
}

impl Wild {
    pub(super) fn new(parts: &[Part]) -> Self {
        let mut characters = Vec::new();
        let mut longest: Option<(&str, usize)> = None;
        for part in parts {
            match part {
                Part::Any(count) => characters.resize(characters.len() + count, None),
                Part::Text(text) => {
                    if longest.is_none_or(|(known, _)| known.len() < text.len()) {
                        longest = Some((text, characters.len()));
                    }
                    characters.extend(text.chars().map(Some));
                }
            }
        }
        let mut known: Vec<char> = characters.iter().flatten().copied().collect();
        known.sort_unstable();
        known.dedup();
        let words = characters.len().div_ceil(BITS);
        let fits_of = |character: Option<char>| {
            let fits = characters.iter().map(move |own| own.is_none() || *own == character);
            fits.collect::<Vec<_>>().chunks(BITS).map(word).collect::<Vec<_>>()
        };
        let fits = known.iter().copied().map(Some).chain([None]).flat_map(fits_of).collect();
        let longest = longest.map(|(text, before)| (Finder::new(text).into_owned(), before));
        Self { characters, known, fits, words, longest }
    }

    /// Where the first occurrence ends that begins at `from` or after it.
    pub(super) fn find_end(&self, text: &str, from: usize) -> Option<usize> {
        let start = self.earliest_start(text, from)?;
        let mut reached = vec![0_u64; self.words];
        let last = (self.characters.len() - 1) % BITS;
        for (at, character) in text.get(start..)?.char_indices() {
            let mut carried = 1;
            for (reached, fits) in reached.iter_mut().zip(self.fits_of(character)) {
                let moved = (*reached << 1) | carried;
                carried = *reached >> (BITS - 1);
                *reached = moved & fits;
            }
            if reached.last().is_some_and(|reached| reached >> last & 1 == 1) {
                return Some(start + at + character.len_utf8());
            }
        }
        None
    }

    /// No occurrence begins before this; none at all without the longest text.
    fn earliest_start(&self, text: &str, from: usize) -> Option<usize> {
        let Some((longest, before)) = &self.longest else { return Some(from) };
        let found = from + longest.find(text.as_bytes().get(from..)?)?;
        let Some(back) = before.checked_sub(1) else { return Some(found) };
        let start = text.get(from..found)?.char_indices().rev().nth(back);
        Some(start.map_or(from, |(at, _)| from + at))
    }

    fn fits_of(&self, character: char) -> &[u64] {
        let place = self.known.binary_search(&character).unwrap_or(self.known.len());
        self.fits.get(place * self.words..(place + 1) * self.words).unwrap_or_default()
    }

    pub(super) fn end_at_start(&self, text: &str) -> Option<usize> {
        let mut characters = text.chars();
        let fits = self.characters.iter().all(|own| characters.next().is_some_and(|next| fits(*own, next)));
        fits.then(|| text.len() - characters.as_str().len())
    }

    pub(super) fn start_at_end(&self, text: &str) -> Option<usize> {
        let mut characters = text.chars();
        let fits = self.characters.iter().rev().all(|own| characters.next_back().is_some_and(|next| fits(*own, next)));
        fits.then_some(characters.as_str().len())
    }
}

fn fits(own: Option<char>, character: char) -> bool {
    own.is_none_or(|own| own == character)
}

/// These bits as a number, the first the lowest.
fn word(bits: &[bool]) -> u64 {
    bits.iter().rev().fold(0, |word, bit| word << 1 | u64::from(*bit))
}
