//! How long texts are cut into words.
//!
//! A word is a run of letters and digits ([`char::is_alphanumeric`]); where spaces don't part words, as in Chinese,
//! Japanese, Korean, Thai, Lao, Khmer and Burmese, each letter is a word of its own. Combining marks behind a letter
//! belong to it, so that a text is cut in the same places whether its accents are composed or not. Case is folded
//! character by character, so that a word's folding never depends on its neighbours: `Σ` is always `σ`, `ß` stays `ß`,
//! and Turkish `İ` becomes `i` with a dot above while `I` becomes `i`. Accents are kept; [`fold_accents`] drops them
//! where a search wants it.

use std::borrow::Cow;

use schemas::fold::FOLD_VERSION;
use tantivy::Index;
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

use super::schema::WORDS;

/// Greatest length of a run that is kept whole, in bytes of the text. Of a longer one the index has the
/// characters that fit.
pub const WORD_BYTES: usize = 255;

// The words are part of what an index of one fold version holds: change both together.
const _: () = assert!(FOLD_VERSION == 3);

/// Registers the tokenizer, which every index needs before it is written or searched by word.
pub fn register_words(index: &Index) {
    index.tokenizers().register(WORDS, TextAnalyzer::builder(Words::default()).build());
}

/// The tokenizer of the long texts.
#[derive(Debug, Clone, Default)]
pub struct Words {
    token: Token,
}

/// The words of one text, in order.
#[derive(Debug)]
pub struct WordStream<'a> {
    text: &'a str,
    /// Where the next word is looked for.
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, at: 0, token: &mut self.token }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some((start, end)) = next_run(rest) else {
            self.at = self.text.len();
            return false;
        };
        let run = rest.get(start..end).unwrap_or_default();
        self.token.text.clear();
        fold_case(kept(run), &mut self.token.text);
        self.token.offset_from = self.at + start;
        self.token.offset_to = self.at + end;
        self.token.position = self.token.position.wrapping_add(1);
        self.at += end;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// The first run of the text, as byte positions.
fn next_run(text: &str) -> Option<(usize, usize)> {
    let mut run: Option<(usize, bool)> = None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        // Nearly all texts are mostly ASCII, whose bytes need no decoding.
        let (letter, single, mark, len) = if byte.is_ascii() {
            (byte.is_ascii_alphanumeric(), false, false, 1)
        } else {
            let c = text.get(at..).and_then(|rest| rest.chars().next())?;
            (c.is_alphanumeric(), is_single(c), is_mark(c), c.len_utf8())
        };
        match run {
            None if letter => run = Some((at, single)),
            Some((start, was_single)) if !mark && (was_single || single || !letter) => return Some((start, at)),
            _ => {}
        }
        at += len;
    }
    run.map(|(start, _)| (start, bytes.len()))
}

/// Marks belong to the letter before them, and so to its run: accents and vowel signs that stand behind a letter, and
/// the vowels and final consonants of Hangul written letter by letter.
fn is_mark(c: char) -> bool {
    is_combining_mark(c) || matches!(u32::from(c), 0x1160..=0x11FF)
}

/// The text behind the marks that it begins with. Where it is a part of another text, they belong to what is before it.
pub(crate) fn without_leading_marks(text: &str) -> &str {
    text.trim_start_matches(is_mark)
}

/// What the index keeps of a run.
fn kept(run: &str) -> &str {
    run.get(..run.floor_char_boundary(WORD_BYTES)).unwrap_or(run)
}

fn fold_case(run: &str, folded: &mut String) {
    if run.is_ascii() {
        folded.push_str(run);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(run.chars().flat_map(char::to_lowercase));
    }
}

/// The runs of a text that are longer than [`WORD_BYTES`], whole and with their case folded.
pub(crate) fn cut_words(text: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), text);
    if !has_cut_word(text) {
        return words;
    }
    while let Some((start, end)) = next_run(rest) {
        if let Some(run) = rest.get(start..end).filter(|run| run.len() > WORD_BYTES) {
            let mut folded = String::with_capacity(run.len());
            fold_case(run, &mut folded);
            words.push(folded);
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    words
}

/// Whether the text has a run longer than [`WORD_BYTES`], of which the index holds only the beginning.
pub fn has_cut_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    // A longer run covers every byte of the window, so one ASCII separator in it is enough to move behind it.
    while let Some(window) = bytes.get(at..=at + WORD_BYTES) {
        if let Some(separator) = window.iter().rposition(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric()) {
            at += separator + 1;
            continue;
        }
        let start = text.floor_char_boundary(at);
        let rest = text.get(start..).unwrap_or_default();
        match next_run(rest) {
            None => return false,
            Some((from, to)) if to - from > WORD_BYTES => return true,
            Some((_, to)) => at = start + to,
        }
    }
    false
}

/// Letters of scripts that are written without spaces, or with spaces that mean little to a search.
fn is_single(c: char) -> bool {
    is_cjk(c) || is_south_east_asian(c)
}

/// Chinese, Japanese and Korean letters.
fn is_cjk(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x11FF        // Hangul Jamo
        | 0x3005..=0x3007      // iteration mark, zero
        | 0x3021..=0x3029 | 0x3031..=0x3035 | 0x3038..=0x303C
        | 0x3041..=0x30FF      // Hiragana, Katakana
        | 0x3130..=0x318F      // Hangul Compatibility Jamo
        | 0x31F0..=0x31FF      // Katakana Phonetic Extensions
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF // Han
        | 0xA960..=0xA97F | 0xAC00..=0xD7FF // Hangul
        | 0xF900..=0xFAFF      // Han, compatibility
        | 0xFF66..=0xFFDC      // halfwidth Katakana and Hangul
        | 0x1AFF0..=0x1B16F    // Kana supplements
        | 0x20000..=0x323AF)
}

/// Letters, not digits, of the scripts in which only a dictionary tells where a line may break: Unicode's line breaking
/// class SA ([UAX 14](https://www.unicode.org/reports/tr14/#SA)).
fn is_south_east_asian(c: char) -> bool {
    let in_script = matches!(u32::from(c),
        0x0E01..=0x0EDF        // Thai, Lao
        | 0x1000..=0x109F      // Myanmar
        | 0x1780..=0x17DF      // Khmer
        | 0x1950..=0x19DF      // Tai Le, New Tai Lue
        | 0x1A20..=0x1AAF      // Tai Tham
        | 0xA9E0..=0xA9FF | 0xAA60..=0xAA7F // Myanmar, extended
        | 0xAA80..=0xAADF      // Tai Viet
        | 0x11700..=0x1174F); // Ahom
    in_script && !c.is_numeric()
}

/// The word without accents: canonically decomposed, marks dropped, composed again. Marks that are part of a
/// letter, as the voicing of Kana, nuktas, viramas and the vowel signs of Indic scripts and Thai, stay. The sigma at
/// the end of a Greek word, whose capital is that of any other, becomes `σ`. A word becomes one word, so positions stay
/// too.
pub fn fold_accents(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let letters = word.nfd().filter(|c| !is_accent(*c)).map(|c| if c == 'ς' { 'σ' } else { c });
    Cow::Owned(letters.nfc().collect())
}

/// Canonical combining classes: 10 to 35 are the points of Hebrew and Arabic, 200 and above marks placed
/// around a letter.
fn is_accent(c: char) -> bool {
    matches!(canonical_combining_class(c), 10..=35 | 200..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut tokenizer = Words::default();
        let mut stream = tokenizer.token_stream(text);
        let mut words = Vec::new();
        while stream.advance() {
            assert_eq!(stream.token().position, words.len(), "positions are consecutive");
            words.push(stream.token().text.clone());
        }
        words
    }

    #[test]
    fn a_text_is_cut_into_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(words("Hello, World! GPT-4o's v1_2"), ["hello", "world", "gpt", "4o", "s", "v1", "2"]);
        assert_eq!(words("Crème BRÛLÉE, Straße, ΟΔΟΣ"), ["crème", "brûlée", "straße", "οδοσ"]);
        assert_eq!(words("Iİ"), ["ii\u{307}"]);
        assert_eq!(words(" \n…"), Vec::<String>::new());
    }

    #[test]
    fn each_cjk_character_is_a_word() {
        assert_eq!(
            words("GPT在中文 abc한글カナかな"),
            ["gpt", "在", "中", "文", "abc", "한", "글", "カ", "ナ", "か", "な"]
        );
    }

    #[test]
    fn each_letter_is_a_word_where_no_space_parts_words_with_the_marks_that_belong_to_it() {
        assert_eq!(words("ขอคืนเงิน GPTค่ะ ๑๒๓"), ["ข", "อ", "คื", "น", "เ", "งิ", "น", "gpt", "ค่", "ะ", "๑๒๓"]);
        assert_eq!(words("ເງິນຄືນ"), ["ເ", "ງິ", "ນ", "ຄື", "ນ"]);
        assert_eq!(words("ភាសាខ្មែរ"), ["ភា", "សា", "ខ្", "មែ", "រ"]);
        assert_eq!(words("မြန်မာ ၁၂"), ["မြ", "န်", "မာ", "၁၂"]);
        assert!(!has_cut_word(&"ขอคืนเงิน".repeat(100)));
    }

    #[test]
    fn offsets_name_the_bytes_of_the_word() {
        let text = "été 中b";
        let mut tokenizer = Words::default();
        let mut stream = tokenizer.token_stream(text);
        let mut parts = Vec::new();
        while stream.advance() {
            parts.push(&text[stream.token().offset_from..stream.token().offset_to]);
        }
        assert_eq!(parts, ["été", "中", "b"]);
    }

    #[test]
    fn a_run_longer_than_a_word_may_be_is_cut_and_told() {
        let long = "a".repeat(WORD_BYTES + 1);
        assert_eq!(words(&format!("x {long} y")), ["x", &long[1..], "y"]);
        assert!(has_cut_word(&format!("x {long} y")));
        let fits = &long[1..];
        assert!(!has_cut_word(&format!("{fits} {fits}-{fits}")));
        let accents = "é".repeat(128);
        assert_eq!(words(&accents), ["é".repeat(127)]);
        assert!(has_cut_word(&accents));
        assert!(!has_cut_word(&"中".repeat(1000)));
        assert!(has_cut_word(&format!("{}{}", "中".repeat(1000), "b".repeat(256))));
    }

    #[test]
    fn accents_fold_and_letters_stay() {
        for (word, folded) in [
            ("crème", "creme"),
            ("i\u{307}", "i"),
            ("naïve", "naive"),
            ("が", "が"),
            ("한", "한"),
            ("हिन्दी", "हिन्दी"),
            ("łódź", "łodz"),
            ("πελάτης", "πελατησ"),
        ] {
            assert_eq!(fold_accents(word), folded);
        }
    }

    proptest::proptest! {
        #[test]
        fn the_quick_look_for_cut_words_agrees_with_the_tokenizer(
            parts in proptest::collection::vec(("[a-zé中 .]", 1usize..400), 0..6)
        ) {
            let text: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
            let mut tokenizer = Words::default();
            let mut stream = tokenizer.token_stream(&text);
            let mut cut = false;
            while stream.advance() {
                cut |= stream.token().offset_to - stream.token().offset_from > WORD_BYTES;
            }
            proptest::prop_assert_eq!(has_cut_word(&text), cut);
        }
    }
}
