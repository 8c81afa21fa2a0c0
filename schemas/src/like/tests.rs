use proptest::prelude::*;

use super::*;
use crate::model::Column;
use crate::query::Filter;
use crate::value::Value;

fn pattern(text: &str, place: Place) -> LikePattern {
    LikePattern::new(text, place).expect("a pattern")
}

fn matches(text: &str, wanted: &str, place: Place) -> bool {
    pattern(wanted, place).matcher().matches(text)
}

#[test]
fn wildcards_keep_their_meaning() {
    for (text, wanted, place, expected) in [
        ("DB down", "db", Place::Anywhere, true),
        ("DB down", "D_ d%n", Place::Start, true),
        ("DB down", "d%n", Place::End, true),
        ("DB down", "down", Place::Start, false),
        ("DB down", "%down", Place::Start, true),
        ("DB down", "OWN", Place::End, true),
        ("DB down", "db", Place::End, false),
        ("DB down", "db%", Place::End, true),
        ("DB down", "d_____n", Place::Start, true),
        ("DB down", "d______n", Place::Start, false),
        ("aXbXc", "x%x", Place::Anywhere, true),
        ("aXbc", "x%x", Place::Anywhere, false),
        ("aaab", "aab", Place::Anywhere, true),
        ("aaab", "a_b", Place::End, true),
        ("ab", "ab%b", Place::Start, false),
        ("abab", "ab%ab", Place::End, true),
        ("aba", "ab%ba", Place::End, false),
        ("", "", Place::Anywhere, true),
        ("", "%", Place::Start, true),
        ("", "_", Place::Anywhere, false),
        ("é", "_", Place::Start, true),
        ("日本", "__", Place::End, true),
        ("日本", "___", Place::Anywhere, false),
        ("xx日本yy", "日_y", Place::Anywhere, true),
    ] {
        assert_eq!(matches(text, wanted, place), expected, "{text} {wanted} {place:?}");
    }
}

#[test]
fn a_backslash_makes_the_next_character_plain() {
    for (text, wanted, expected) in [
        ("100%", "0\\%", true),
        ("1000", "0\\%", false),
        ("a_b", "a\\_b", true),
        ("axb", "a\\_b", false),
        ("a\\b", "a\\\\b", true),
        ("ab", "a\\b", true),
        ("AB", "\\A\\B", true),
        ("C:\\", "c:\\", true),
        ("C:", "c:\\", false),
    ] {
        assert_eq!(matches(text, wanted, Place::Anywhere), expected, "{text} {wanted}");
    }
}

#[test]
fn case_folds_character_by_character() {
    for (text, wanted, expected) in [
        ("ÄÖÜ", "äöü", true),
        ("äöü", "ÄÖÜ", true),
        ("ΟΔΟΣ", "οδοσ", true),
        ("οδος", "ΟΔΟΣ", false),
        ("Straße", "STRASSE", false),
        ("Straße", "straß", true),
        ("STRAẞE", "straße", true),
        ("İstanbul", "i", true),
        ("İstanbul", "i\u{307}stanbul", true),
        ("i\u{307}", "İ", true),
        ("İ", "\u{307}", true),
        ("İ", "__", true),
        ("İ", "___", false),
        ("ılık", "ilik", false),
        ("ILIK", "ilik", true),
        ("\u{212A}", "k", true),
        ("é", "e\u{301}", false),
        ("e\u{301}", "e", true),
    ] {
        assert_eq!(matches(text, wanted, Place::Anywhere), expected, "{text} {wanted}");
    }
}

#[test]
fn white_space_around_a_pattern_is_not_part_of_it() {
    assert_eq!(pattern(" \n a b\u{3000}", Place::Start), pattern("a b", Place::Start));
    assert!(pattern("  ", Place::End).is_everything());
    assert!(pattern("%%", Place::Start).is_everything());
    assert!(!pattern("_", Place::Anywhere).is_everything());
}

#[test]
fn values_are_compared_as_texts_and_null_is_like_nothing() {
    let mut matcher = pattern("5", Place::Anywhere).matcher();
    for (value, expected) in [
        (Value::Number(350), true),
        (Value::Number(30), false),
        (Value::text("x5"), true),
        (Value::Boolean(true), false),
    ] {
        assert_eq!(matcher.matches_value(&value), expected, "{value:?}");
    }
    assert!(!pattern("", Place::Anywhere).matcher().matches_value(&Value::Null));
    assert!(pattern("", Place::Anywhere).matcher().matches_value(&Value::text("")));
}

#[test]
fn what_the_wildcards_leave_says_where_it_stands() {
    let literals = |text, place| {
        let literals = pattern(text, place);
        let literals = literals.literals().map(|own| (own.text.to_owned(), own.at_start, own.at_end));
        literals.collect::<Vec<_>>()
    };
    let own = |text: &str, at_start, at_end| (text.to_owned(), at_start, at_end);
    assert_eq!(
        literals("A_b%c", Place::Start),
        [own("a", true, false), own("b", false, false), own("c", false, false)]
    );
    assert_eq!(literals("a_b%c", Place::End), [own("a", false, false), own("b", false, false), own("c", false, true)]);
    assert_eq!(literals("_a%", Place::Start), [own("a", false, false)]);
    assert_eq!(literals("%a", Place::Start), [own("a", false, false)]);
    assert_eq!(literals("a\\%b", Place::Anywhere), [own("a%b", false, false)]);
    assert_eq!(pattern("%a%", Place::Start).only_literal(), Some("a"));
    for (text, place) in [("a%b", Place::Anywhere), ("a_", Place::Anywhere), ("a", Place::Start), ("", Place::Anywhere)]
    {
        assert_eq!(pattern(text, place).only_literal(), None, "{text}");
    }
}

#[test]
fn what_no_text_can_have_is_refused() {
    assert_eq!(LikePattern::new("a\0b", Place::Anywhere), Err(NotAPattern::Nul));
    assert!(LikePattern::new(&"a".repeat(LIKE_BYTES), Place::Anywhere).is_ok());
    assert_eq!(LikePattern::new(&"a".repeat(LIKE_BYTES + 1), Place::Anywhere), Err(NotAPattern::TooLong));
}

#[test]
fn no_other_character_folds_to_one_that_is_compared_unfolded() {
    for character in '\0'..=char::MAX {
        let folded: Vec<char> = character.to_lowercase().collect();
        if folded != [character] {
            let matches =
                folded.iter().any(|own| matches(&character.to_string(), &format!("\\{own}"), Place::Anywhere));
            assert!(matches, "{character:?}");
        }
    }
}

#[test]
fn a_pattern_survives_its_bytes() {
    let filter = Filter::Like(vec![Column::Status], pattern("a_\\%b%c", Place::End));
    let bytes = postcard::to_stdvec(&filter).expect("encoded");
    assert_eq!(postcard::from_bytes::<Filter>(&bytes), Ok(filter));
}

/// By the definition, in the worst time there is.
fn is_like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| is_like(&text[at..], rest)),
        ['_', rest @ ..] => !text.is_empty() && is_like(&text[1..], rest),
        ['\\', plain, rest @ ..] | [plain, rest @ ..] => {
            text.first().is_some_and(|first| first == plain) && is_like(&text[1..], rest)
        }
    }
}

fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

proptest! {
    #[test]
    fn a_text_is_like_a_pattern_by_the_definition(text in "[aAbßİé%_\\\\]{0,12}", wanted in "[aAbßİé%_]{0,8}") {
        for (place, whole) in [
            (Place::Anywhere, format!("%{wanted}%")), (Place::Start, format!("{wanted}%")), (Place::End, format!("%{wanted}")),
        ] {
            let expected = is_like(&lower(&text), &lower(&whole));
            prop_assert_eq!(matches(&text, &wanted, place), expected, "{:?} {:?} {:?}", text, wanted, place);
        }
    }

    #[test]
    fn long_runs_of_any_characters_are_found_too(
        before in "[ab]{0,90}", any in 1usize..150, text in "[ab]{0,300}", place in 0usize..3
    ) {
        let place = [Place::Anywhere, Place::Start, Place::End][place];
        let wanted = format!("{before}{}b", "_".repeat(any));
        let characters: Vec<char> = text.chars().collect();
        let own: Vec<char> = wanted.chars().collect();
        let fits = |window: &[char]| window.iter().zip(&own).all(|(a, b)| *b == '_' || a == b);
        let expected = match place {
            Place::Anywhere => characters.windows(own.len()).any(fits),
            Place::Start => characters.get(..own.len()).is_some_and(fits),
            Place::End => characters.len() >= own.len() && fits(&characters[characters.len() - own.len()..]),
        };
        prop_assert_eq!(matches(&text, &wanted, place), expected);
    }
}
