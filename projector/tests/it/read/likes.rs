//! Searches for parts of texts, held to a scan over the texts.
#![expect(clippy::indexing_slicing, reason = "a test that indexes too far fails, as it should")]

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::Index as Choice;
use proptest::test_runner::{Config, TestRunner};
use schemas::access::ReadScope;
use schemas::event::CallEventType;
use schemas::like::{LikePattern, Place};
use schemas::model::Column;
use schemas::money::NanoUsd;
use schemas::query::{Bound, Bounds, Filter};
use schemas::time::Date;
use schemas::value::Value;
use uuid::Uuid;

use super::world::{FIRST, SECOND, World, call, event};

const LONG: [Column; 3] = [Column::RequestPrompt, Column::ResponsePreview, Column::StatusMessage];
/// What texts are made of: words and separators of several scripts, accents composed and not, marks on their own.
const PIECES: [&str; 48] = [
    "the",
    "THE",
    "other",
    "rate",
    "Größe",
    "straße",
    "STRASSE",
    "crème",
    "cre\u{300}me",
    "naïve",
    "nai\u{308}ve",
    "İstanbul",
    "ısı",
    "ISI",
    "ΟΔΟΣ",
    "οδος",
    "Ελλάδα",
    "привет",
    "中",
    "中文",
    "回答",
    "東京",
    "タワー",
    "か\u{3099}",
    "が",
    "한국어",
    "\u{1112}\u{1161}\u{11ab}",
    "हिन्दी",
    "ขอคืนเงิน",
    "ค่ะ",
    "๑๒",
    "ខ្មែរ",
    "🎉",
    "👩\u{200d}👧",
    "\u{301}",
    " ",
    " ",
    "\n",
    "\u{7}",
    ", ",
    "-",
    "_",
    "%",
    "\\",
    "'",
    "7",
    "42",
    "x1",
];

/// A text, and sometimes one with a word that the index cuts.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14);
    (pieces, prop::bool::weighted(0.04)).prop_map(|(pieces, long)| {
        let text = pieces.concat();
        if long { format!("{text}{}tail {text}", "w".repeat(254)) } else { text }
    })
}

/// What a search looks for: the pattern, where it stands, and whether it was cut out of a text.
#[derive(Debug, Clone)]
struct Needle {
    pattern: String,
    place: Place,
    is_cut: bool,
}

#[derive(Debug, Clone)]
enum Wanted {
    /// So many characters of a text, from some place, a wildcard in place of some.
    Cut {
        text: Choice,
        from: Choice,
        length: usize,
        upper: bool,
        wild: Option<(Choice, bool)>,
    },
    Made(Vec<&'static str>),
}

fn wanted() -> impl Strategy<Value = (Wanted, Place)> {
    let wild = prop::option::weighted(0.3, (any::<Choice>(), any::<bool>()));
    let cut = (any::<Choice>(), any::<Choice>(), 1_usize..9, any::<bool>(), wild)
        .prop_map(|(text, from, length, upper, wild)| Wanted::Cut { text, from, length, upper, wild });
    let made = prop::collection::vec(prop::sample::select(&PIECES[..]), 1..4).prop_map(Wanted::Made);
    let place = prop_oneof![3 => Just(Place::Anywhere), 1 => Just(Place::Start), 1 => Just(Place::End)];
    (prop_oneof![2 => cut, 1 => made], place)
}

impl Wanted {
    fn needle(&self, place: Place, texts: &[Option<String>]) -> Needle {
        let some: Vec<&String> = texts.iter().flatten().filter(|text| !text.is_empty()).collect();
        let pattern = match self {
            Self::Cut { text, from, length, upper, wild } if !some.is_empty() => {
                let characters: Vec<char> = text.get(&some).chars().collect();
                let last = characters.len() - (*length).min(characters.len());
                let from = match place {
                    Place::Start => 0,
                    Place::End => last,
                    Place::Anywhere => from.index(last + 1),
                };
                let cut = &characters[from..(from + length).min(characters.len())];
                let wild = wild.as_ref().map(|(at, any)| (at.index(cut.len()), *any));
                let written = cut.iter().enumerate().map(|(at, character)| match wild {
                    Some((there, any)) if there == at => if any { "%" } else { "_" }.to_owned(),
                    _ => escaped(if *upper { in_upper_case(*character) } else { *character }),
                });
                written.collect()
            }
            Self::Cut { .. } => String::new(),
            Self::Made(pieces) => pieces.concat(),
        };
        Needle { pattern, place, is_cut: matches!(self, Self::Cut { .. }) }
    }
}

/// The upper case that folds back to the character, if there is one.
fn in_upper_case(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) if upper.to_lowercase().eq(character.to_lowercase()) => upper,
        _ => character,
    }
}

fn escaped(character: char) -> String {
    if matches!(character, '%' | '_' | '\\') { format!("\\{character}") } else { character.to_string() }
}

/// `text ILIKE pattern` by its definition: each step of the pattern against each place of the text.
fn is_like(text: &str, needle: &Needle) -> bool {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    // Where in the text the pattern so far may have come to.
    let mut at = vec![false; text.len() + 1];
    at[0] = true;
    let any = |at: &mut Vec<bool>| {
        for place in 1..at.len() {
            at[place] = at[place] || at[place - 1];
        }
    };
    let step = |at: &mut Vec<bool>, wanted: Option<char>| {
        for place in (1..at.len()).rev() {
            at[place] = at[place - 1] && wanted.is_none_or(|wanted| text[place - 1] == wanted);
        }
        at[0] = false;
    };
    if needle.place != Place::Start {
        any(&mut at);
    }
    let mut pattern = needle.pattern.trim().chars();
    while let Some(character) = pattern.next() {
        match character {
            '%' => any(&mut at),
            '_' => step(&mut at, None),
            '\\' => pattern.next().unwrap_or('\\').to_lowercase().for_each(|plain| step(&mut at, Some(plain))),
            plain => plain.to_lowercase().for_each(|plain| step(&mut at, Some(plain))),
        }
    }
    if needle.place != Place::End {
        any(&mut at);
    }
    at[text.len()]
}

/// A call's long texts, its model, and those it had before it was told again.
type Texts = [Option<String>; 4];

/// Some calls in several segments, some of them told twice, some segments merged.
fn world(calls: &[(Texts, Texts, bool)], merged: bool) -> World {
    let mut world = World::new();
    let tell = |world: &mut World, number: usize, at: i64, texts: &Texts| {
        let claims = LONG.into_iter().chain([Column::ModelName]).zip(texts);
        let claims = claims.map(|(column, text)| (column, text.as_deref().map_or(Value::Null, Value::text)));
        world.apply(call(number as u128 + 1, at, claims.collect::<Vec<_>>()));
    };
    for (number, (before, texts, again)) in calls.iter().enumerate() {
        tell(&mut world, number, 1, if *again { before } else { texts });
        if number % 4 == 3 {
            world.commit();
        }
    }
    world.commit();
    if merged {
        world.merge();
    }
    for (number, (_, texts, again)) in calls.iter().enumerate() {
        if *again {
            tell(&mut world, number, 2, texts);
        }
    }
    world.commit();
    world
}

fn filter(columns: &[Column], needle: &Needle) -> Filter {
    Filter::Like(columns.to_vec(), LikePattern::new(&needle.pattern, needle.place).expect("a pattern"))
}

#[test]
fn searches_find_what_a_scan_finds_and_read_few_texts() {
    let texts = || prop::array::uniform4(prop::option::weighted(0.8, text()));
    let calls = prop::collection::vec((texts(), texts(), prop::bool::weighted(0.3)), 4..20);
    let needles = prop::collection::vec((wanted(), 0_usize..6), 12..20);
    let (searches, telling, cut) = (Cell::new(0_u64), Cell::new(0_u64), Cell::new(0_u64));
    let (read, scanned) = (Cell::new(0_u64), Cell::new(0_u64));
    let add = |cell: &Cell<u64>, more: u64| cell.set(cell.get() + more);
    TestRunner::new(Config::default())
        .run(&(calls, needles, any::<bool>()), |(calls, needles, merged)| {
            let world = world(&calls, merged);
            for ((wanted, place), columns) in &needles {
                let columns: &[Column] = match columns {
                    at @ 0..3 => &LONG[*at..=*at],
                    3 => &[Column::ModelName],
                    4 => &LONG,
                    _ => &[Column::ModelName, Column::ResponsePreview],
                };
                let of = |texts: &Texts| {
                    let known = LONG.into_iter().chain([Column::ModelName]).zip(texts);
                    known
                        .filter(|(column, _)| columns.contains(column))
                        .map(|(_, text)| text.clone())
                        .collect::<Vec<_>>()
                };
                let shown: Vec<Option<String>> = calls.iter().flat_map(|(_, texts, _)| of(texts)).collect();
                let needle = wanted.needle(*place, &shown);
                let matching = |(_, texts, _): &&(Texts, Texts, bool)| {
                    of(texts).iter().flatten().any(|text| is_like(text, &needle))
                };
                let expected: Vec<u8> =
                    (1..).zip(&calls).filter(|(_, call)| matching(call)).map(|(id, _)| id).collect();
                let before = world.reader.texts_read();
                let count = world.count(ReadScope::Project(FIRST), filter(columns, &needle));
                let texts_read = world.reader.texts_read() - before;
                let mut found = world.matching(filter(columns, &needle));
                found.sort_unstable();
                prop_assert_eq!(&found, &expected, "{:?} in {:?}", &needle, columns);
                prop_assert_eq!(count, expected.len() as u64);
                let without = Filter::Not(Box::new(filter(columns, &needle)));
                prop_assert_eq!(world.count(ReadScope::Project(FIRST), without), (calls.len() - expected.len()) as u64);
                add(&searches, 1);
                add(&cut, u64::from(needle.is_cut));
                add(&telling, u64::from(!expected.is_empty() && expected.len() < calls.len()));
                if needle.pattern.chars().any(char::is_alphanumeric) {
                    add(&read, texts_read);
                    add(&scanned, shown.iter().flatten().count() as u64);
                }
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let (searches, telling, cut) = (searches.get(), telling.get(), cut.get());
    assert!(cut * 2 >= searches, "{cut} of {searches} needles are cut out of the texts");
    assert!(telling * 2 >= searches, "{telling} of {searches} results are neither empty nor total");
    let (read, scanned) = (read.get(), scanned.get());
    assert!(read * 4 < scanned, "{read} texts were read where a scan reads {scanned}");
}

#[test]
fn a_part_of_one_word_is_found_without_reading_a_text() {
    let mut world = World::new();
    for number in 0..200_u128 {
        let text = format!("the Kubernetes cluster number{number} is réstarting");
        world.apply(call(number + 1, 1, [(Column::RequestPrompt, Value::text(text))]));
        if number % 50 == 49 {
            world.commit();
        }
    }
    for (pattern, expected) in [("BERNET", 200), ("ÉSTAR", 200), ("number19", 11), ("e", 200), ("zzz", 0)] {
        let needle = Needle { pattern: pattern.to_owned(), place: Place::Anywhere, is_cut: false };
        assert_eq!(world.count(ReadScope::Project(FIRST), filter(&LONG, &needle)), expected, "{pattern}");
    }
    assert_eq!(world.reader.texts_read(), 0);
    // What stands between words is not in the index: only texts that have both words are read.
    let needle = Needle { pattern: "number19 is".to_owned(), place: Place::Anywhere, is_cut: false };
    assert_eq!(world.count(ReadScope::Project(FIRST), filter(&LONG, &needle)), 1);
    assert_eq!(world.reader.texts_read(), 1);
}

#[test]
fn parts_of_words_that_the_index_cuts_are_found_however_long_they_are() {
    let mut world = World::new();
    let words = [format!("{}Tail1 x", "w".repeat(300)), format!("a {}tail2", "v".repeat(2 << 20)), "tail3".to_owned()];
    for (number, word) in (1..).zip(words) {
        world.apply(call(number, 1, [(Column::RequestPrompt, Value::text(word))]));
        world.commit();
    }
    let count = |pattern: &str| {
        let needle = Needle { pattern: pattern.to_owned(), place: Place::Anywhere, is_cut: false };
        world.count(ReadScope::Project(FIRST), filter(&[Column::RequestPrompt], &needle))
    };
    for (pattern, expected) in [("wtail1", 1), ("vtail2", 1), ("TAIL", 3), ("wv", 0)] {
        assert_eq!(count(pattern), expected, "{pattern}");
    }
    assert_eq!(world.reader.texts_read(), 4, "only the text with a word of two megabytes, each time");
}

#[test]
fn a_text_is_read_only_of_calls_that_meet_the_other_conditions() {
    let mut world = World::new();
    for number in 1..=1000 {
        let (model, prompt) = match number {
            1 => ("large", "foo bar"),
            _ if number % 50 == 0 => ("small", "foo bar"),
            _ if number % 2 == 0 => ("other", "something else"),
            _ => ("large", "something else"),
        };
        let claims = [(Column::ModelName, Value::text(model)), (Column::RequestPrompt, Value::text(prompt))];
        world.apply(call(number, 1, claims));
    }
    world.commit();
    let needle = Needle { pattern: "oo ba".to_owned(), place: Place::Anywhere, is_cut: false };
    let count = |model: &str| {
        let model = Filter::Equal(Column::ModelName, Value::text(model));
        let both = Filter::All(vec![model, filter(&[Column::RequestPrompt], &needle)]);
        world.count(ReadScope::Project(FIRST), both)
    };
    assert_eq!((count("large"), world.reader.texts_read()), (1, 1));
    assert_eq!(count("small"), 20);
}

#[test]
fn a_text_is_read_only_of_calls_in_a_range_of_dates_that_is_asked_for_too() {
    let mut world = World::new();
    for number in 1..=1000 {
        let prompt = if number % 10 == 0 { "foo bar" } else { "something else" };
        world.apply(call(number, i64::try_from(number).expect("few"), [(Column::RequestPrompt, Value::text(prompt))]));
    }
    world.commit();
    let needle = Needle { pattern: "oo ba".to_owned(), place: Place::Anywhere, is_cut: false };
    let lower = Some(Bound { value: Value::Date(Date(901)), inclusive: true });
    let newest = Filter::Range(Column::CreatedAt, Bounds { lower, upper: None });
    let both = Filter::All(vec![newest, filter(&[Column::RequestPrompt], &needle)]);
    assert_eq!((world.count(ReadScope::Project(FIRST), both), world.reader.texts_read()), (10, 10));
}

#[test]
fn a_text_is_read_only_of_calls_that_the_read_may_see() {
    let mut world = World::new();
    for number in 1..=600 {
        let project = if number % 2 == 0 { FIRST } else { SECOND };
        let prompt = if number % 20 < 2 { "foo bar" } else { "something else" };
        let claims = [(Column::RequestPrompt, Value::text(prompt)), (Column::ResponsePreview, Value::text(prompt))];
        world.apply(event(CallEventType::Completed, project, number, 1, claims));
    }
    world.commit();
    let needle = Needle { pattern: "oo ba".to_owned(), place: Place::Anywhere, is_cut: false };
    let count = |columns: &[Column]| {
        let before = world.reader.texts_read();
        (world.count(ReadScope::Project(FIRST), filter(columns, &needle)), world.reader.texts_read() - before)
    };
    assert_eq!(count(&[Column::RequestPrompt]), (30, 30));
    assert_eq!(count(&[Column::RequestPrompt, Column::ResponsePreview]), (30, 60));
}

#[test]
fn every_kind_of_column_is_searched_as_postgres_writes_it() {
    let mut world = World::new();
    let id = Uuid::from_u128(0xABCD_0000_0000_0000_0000_0000_0000_0001);
    let claims = [
        (Column::UserId, Value::Id(Uuid::from_u128(0xBEEF))),
        (Column::ModelName, Value::text("GPT-4o")),
        (Column::WasBilled, Value::Boolean(true)),
        (Column::TotalTokens, Value::Number(1500)),
        (Column::CostInUsdCents, Value::Cents(NanoUsd(1_164_000))),
        (Column::RequestStartedAt, Value::Date(Date(1_772_341_200_120))),
    ];
    world.apply(call(id.as_u128(), 1_772_341_200_000, claims));
    world.apply(call(2, 5, []));
    world.commit();
    for (column, pattern, place, expected) in [
        (Column::Id, "BCD0", Place::Anywhere, 1),
        (Column::Id, "0002", Place::End, 1),
        (Column::ProjectId, "1111", Place::End, 2),
        (Column::UserId, "beef", Place::End, 1),
        (Column::ModelName, "gpt_4O", Place::Start, 1),
        (Column::ModelName, "", Place::Anywhere, 1),
        (Column::WasBilled, "RU", Place::Anywhere, 1),
        (Column::WasBilled, "f%e", Place::Start, 1),
        (Column::TotalTokens, "50", Place::Anywhere, 1),
        (Column::TotalTokens, "", Place::Anywhere, 2),
        (Column::CostInUsdCents, "0.11", Place::Start, 1),
        (Column::CreatedAt, "2026-03-01 05:00:00+00", Place::Start, 1),
        (Column::RequestStartedAt, ":00.12+", Place::Anywhere, 1),
        (Column::RequestStartedAt, "", Place::Anywhere, 1),
        (Column::DeletedAt, "", Place::Anywhere, 0),
        (Column::DeletedAt, "2", Place::Anywhere, 0),
    ] {
        let needle = Needle { pattern: pattern.to_owned(), place, is_cut: false };
        assert_eq!(
            world.count(ReadScope::Project(FIRST), filter(&[column], &needle)),
            expected,
            "{column:?} {pattern}"
        );
    }
}
