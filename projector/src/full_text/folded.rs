//! The words of a segment's dictionary that are the same but for accents.

use tantivy::termdict::TermDictionary;

use crate::index::words::fold_accents;

/// The words of one field that are not ASCII, by their form without accents. Words in ASCII are their own form,
/// and the dictionary finds them itself.
#[derive(Debug, Default)]
pub(crate) struct FoldedField {
    /// Folded form, then the word if it is another; in order.
    words: Vec<(Box<str>, Option<Box<str>>)>,
}

impl FoldedField {
    pub(crate) fn of(dictionary: &TermDictionary) -> tantivy::Result<Self> {
        let mut words = Vec::new();
        let mut terms = dictionary.stream()?;
        while terms.advance() {
            if terms.key().is_ascii() {
                continue;
            }
            let Ok(word) = std::str::from_utf8(terms.key()) else { continue };
            let folded = fold_accents(word);
            let other = (folded != word).then(|| Box::from(word));
            words.push((Box::from(folded), other));
        }
        words.sort_unstable();
        words.shrink_to_fit();
        Ok(Self { words })
    }

    /// The words with this folded form.
    pub(crate) fn same(&self, folded: &str) -> impl Iterator<Item = &str> {
        self.starting(folded).take_while(move |(form, _)| &**form == folded).map(word)
    }

    /// The words whose folded form begins so.
    pub(crate) fn prefixed(&self, folded: &str) -> impl Iterator<Item = &str> {
        self.starting(folded).take_while(move |(form, _)| form.starts_with(folded)).map(word)
    }

    fn starting(&self, folded: &str) -> std::slice::Iter<'_, (Box<str>, Option<Box<str>>)> {
        let start = self.words.partition_point(|(form, _)| &**form < folded);
        self.words.get(start..).unwrap_or_default().iter()
    }
}

fn word((form, word): &(Box<str>, Option<Box<str>>)) -> &str {
    word.as_deref().unwrap_or(form)
}
