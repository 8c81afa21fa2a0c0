//! Conditions on how a value is written: `LIKE`, in any case.
//!
//! In long texts the pattern's characters are looked for as parts of words: the words of the dictionary that have the
//! part, one after the other where the pattern has several. Separators and wildcards are not in the index, so unless
//! all of the pattern is one part of one word, what is found is compared with the stored text, and so are texts with a
//! word that the index has cut. For one part of one word these words are looked at in memory, unless they are many. Of
//! a pattern with many parts some are looked for, which is enough to leave few texts to compare.

use std::cmp::Reverse;

use schemas::like::{LikePattern, Literal};
use schemas::model::Column;
use schemas::value::Value;
use tantivy::Term;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::TermInfo;
use tantivy::tokenizer::{TokenStream as _, Tokenizer as _};

use super::Place;
use super::exact::{among, within};
use crate::cut_words::CutWords;
use crate::index::schema::{ColumnField, LONG_TEXTS, LongTextFields};
use crate::index::words::{WORD_BYTES, Words, without_leading_marks};
use crate::lexicon::{Lexicon, WordPart};
use crate::search::{Plan, SearchError, Test};
use crate::snapshot::FastColumn;

/// The part of a read that a time limit names.
const PART: &str = "looking for parts of words";
/// Forms up to which a word of a pattern is looked for beside its neighbours. One of more may stand anywhere in the
/// text.
const FEW_WORDS: usize = 64;
/// Forms that the plan of a filter holds, of those words that have many. The documents of more are put together at
/// once.
const HELD_WORDS: usize = 50_000;
/// Literals of a pattern that are looked for, the longest. Texts that have them are compared with all of it.
const LITERALS: usize = 4;
/// Words of a literal that are looked for, the first.
const LITERAL_WORDS: usize = 32;
/// Words looked at between two looks at the time limit.
const WORDS_A_LOOK: usize = 1024;

impl Place<'_> {
    pub(super) fn like(self, column: Column, pattern: &LikePattern) -> Result<Plan, SearchError> {
        if pattern.is_everything() {
            return self.not_null(column);
        }
        match self.search.snapshot.fields().column(column) {
            None if column == Column::Id => self.ids_like(pattern),
            None => Ok(Plan::Nothing),
            Some(ColumnField::Whole(field)) => {
                let texts = FastColumn::open(self.reader, field)?;
                let Some(dictionary) = &texts.dictionary else { return Ok(Plan::Nothing) };
                let mut matcher = pattern.matcher();
                let mut ordinals = Vec::new();
                let mut terms = dictionary.stream()?;
                while terms.advance() {
                    if terms.term_ord().is_multiple_of(WORDS_A_LOOK as u64) {
                        self.search.watch.check(PART)?;
                    }
                    if std::str::from_utf8(terms.key()).is_ok_and(|text| matcher.matches(text)) {
                        ordinals.push(terms.term_ord());
                    }
                }
                Ok(among(&texts.values, ordinals))
            }
            Some(ColumnField::Number(field) | ColumnField::Boolean(field)) => {
                let numbers = FastColumn::open(self.reader, field)?;
                let (all, matcher) = (within(&numbers.values, 0..=u64::MAX), pattern.matcher());
                Ok(Plan::Tested(
                    Box::new(all),
                    Box::new(move || {
                        let (numbers, mut matcher) = (numbers.clone(), matcher.clone());
                        let test: Test = Box::new(move |doc| {
                            let value = numbers.first(doc).and_then(|raw| numbers.value(column, raw).ok());
                            matcher.matches_value(&value.unwrap_or(Value::Null))
                        });
                        Ok(test)
                    }),
                ))
            }
            Some(ColumnField::Long(long)) => self.text_like(column, long, pattern),
        }
    }

    fn text_like(self, column: Column, long: LongTextFields, pattern: &LikePattern) -> Result<Plan, SearchError> {
        let place = LONG_TEXTS.iter().position(|known| *known == column).expect("every long text has a place");
        let index = self.reader.inverted_index(long.words)?;
        let lexicon = self.segment.lexicon().of(place, || Lexicon::of(index.terms()))?;
        let dictionary = Dictionary { place: self, index: &index, lexicon: &lexicon };
        let mut literals: Vec<Literal<'_>> = pattern.literals().collect();
        literals.sort_by_key(|literal| Reverse(literal.text.len()));
        literals.truncate(LITERALS);
        let mut found = Vec::new();
        for literal in literals {
            found.push(dictionary.literal(literal)?);
        }
        let fields = self.search.snapshot.fields();
        let cut = self.terms(fields.cut_words, [Term::from_field_u64(fields.cut_words, 1)])?;
        let mut matcher = pattern.matcher();
        let passes = move |text: &str| matcher.matches(text);
        if let Some(part) = pattern.only_literal().filter(|text| is_part_of_word(text)) {
            let words = || CutWords::of(self.reader, fields, (column, long), &self.search.watch);
            let words = self.segment.cut_words().of(place, words)?;
            let with_cut = match words.with_part(part, self.reader.max_doc()) {
                Some(documents) if documents.len() == 0 => Plan::Nothing,
                Some(documents) => Plan::Set(documents.into()),
                None => self.read_text(column, cut, passes)?,
            };
            return Ok(Plan::any([Plan::all(found), with_cut]));
        }
        let hashes = FastColumn::open(self.reader, long.hash)?;
        let present = within(&hashes.values, 0..=u64::MAX);
        let found = Plan::all(found);
        let candidates = if matches!(found, Plan::Everything) { present } else { Plan::any([found, cut]) };
        self.read_text(column, candidates, passes)
    }
}

/// The words of one field of a segment.
#[derive(Clone, Copy)]
struct Dictionary<'a> {
    place: Place<'a>,
    index: &'a std::sync::Arc<InvertedIndexReader>,
    lexicon: &'a Lexicon,
}

/// A word of a pattern.
#[derive(Debug)]
struct SoughtWord {
    text: String,
    /// Whether it may go on before, and behind, what the pattern has of it.
    is_start: bool,
    is_end: bool,
    /// Whether the index would have cut it.
    is_cut: bool,
}

impl Dictionary<'_> {
    /// The documents that may have the characters side by side: all of those that do, unless a word of theirs is cut.
    fn literal(self, literal: Literal<'_>) -> Result<Plan, SearchError> {
        let mut plans = Vec::new();
        let mut phrase: Vec<Vec<TermInfo>> = Vec::new();
        for word in sought_words(literal).into_iter().take(LITERAL_WORDS) {
            let forms = self.forms(&word)?;
            if forms.is_empty() {
                return Ok(Plan::Nothing);
            }
            if forms.len() <= FEW_WORDS {
                phrase.push(forms);
            } else {
                plans.extend(self.phrase(std::mem::take(&mut phrase)));
                plans.push(self.many(forms)?);
            }
        }
        plans.extend(self.phrase(phrase));
        Ok(Plan::all(plans))
    }

    /// The documents with one of many forms: put together at once when the filter holds many already.
    fn many(self, forms: Vec<TermInfo>) -> Result<Plan, SearchError> {
        let place = self.place;
        let held = place.held.of_patterns.get() + forms.len();
        let plan = Plan::Terms(self.index.clone(), forms);
        if held > HELD_WORDS {
            return Ok(Plan::Set(plan.gathered(place.search.read(place.reader, PART))?.into()));
        }
        place.held.of_patterns.set(held);
        Ok(plan)
    }

    fn forms(self, word: &SoughtWord) -> Result<Vec<TermInfo>, SearchError> {
        self.place.search.watch.check(PART)?;
        let terms = self.index.terms();
        if word.is_start && word.is_end {
            return Ok(terms.get(&word.text)?.into_iter().collect());
        }
        let (mut forms, mut few) = (Vec::new(), Vec::new());
        self.lexicon.visit(WordPart { text: &word.text, is_start: word.is_start, is_end: word.is_end }, |form| {
            if forms.len() % WORDS_A_LOOK == 0 {
                self.place.search.watch.check(PART)?;
            }
            forms.extend(self.lexicon.documents_of(&form));
            if forms.len() <= FEW_WORDS {
                few.push(form.text.to_vec());
            }
            Ok::<_, SearchError>(())
        })?;
        if forms.len() > FEW_WORDS {
            return Ok(forms);
        }
        // Of few the positions may be asked for.
        Ok(few.iter().map(|form| terms.get(form)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn phrase(self, mut words: Vec<Vec<TermInfo>>) -> Option<Plan> {
        match words.len() {
            0 => None,
            1 => words.pop().map(|forms| Plan::Terms(self.index.clone(), forms)),
            _ => Some(Plan::Words { index: self.index.clone(), words, bm25: None }),
        }
    }
}

/// The words of a literal, as the index would have cut a text with it. The first and the last may be parts of longer
/// ones; marks at its beginning may belong to a word before it or to none, so they are left out.
fn sought_words(literal: Literal<'_>) -> Vec<SoughtWord> {
    let text = without_leading_marks(literal.text);
    let is_whole = text.len() == literal.text.len();
    let mut tokenizer = Words::default();
    let mut stream = tokenizer.token_stream(text);
    let mut words = Vec::new();
    while stream.advance() {
        let token = stream.token();
        words.push(SoughtWord {
            is_start: token.offset_from > 0 || (literal.at_start && is_whole),
            is_end: token.offset_to < text.len() || literal.at_end,
            is_cut: token.offset_to - token.offset_from > WORD_BYTES,
            text: token.text.clone(),
        });
    }
    words
}

/// Whether a text has these characters exactly when one of its words has them.
fn is_part_of_word(text: &str) -> bool {
    let words = sought_words(Literal { text, at_start: false, at_end: false });
    matches!(words.as_slice(), [word] if !word.is_cut && word.text == text)
}
