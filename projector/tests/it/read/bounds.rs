//! Queries that ask for very much: what they may take, and that they are answered rightly up to there.

use std::time::Duration;

use schemas::access::ReadScope;
use schemas::like::{LikePattern, Place};
use schemas::limits::{PREFIX_WORDS, TEXT_QUERY_WORDS};
use schemas::model::Column;
use schemas::query::{Filter, TextQuery};
use schemas::reader::{CallReader as _, CountRequest, ReadContext, ReadError};
use schemas::value::Value;

use super::world::{FIRST, World, call, context};

const SCOPE: ReadScope = ReadScope::Project(FIRST);

fn world(prompts: &[&str]) -> World {
    let mut world = World::new();
    for (id, prompt) in (1..).zip(prompts) {
        world.apply(call(id, i64::try_from(id).expect("small"), [(Column::RequestPrompt, Value::text(*prompt))]));
    }
    world.commit();
    world
}

/// As many words as a prefix may stand for, all of which begin with `w0`.
fn many_words() -> String {
    (0..PREFIX_WORDS).map(|number| format!("w0{number:05}")).collect::<Vec<_>>().join(" ")
}

fn like(text: &str) -> Filter {
    Filter::Like(vec![Column::RequestPrompt], LikePattern::new(text, Place::Anywhere).expect("a pattern"))
}

#[test]
fn very_many_conditions_that_read_texts_are_no_deeper_than_one() {
    let world = world(&["yes!", "no", "yes! yes!"]);
    let all = |text: &str, rest: &str| {
        let conditions = (0..20_000).map(|_| like(text)).chain([like(rest)]).collect();
        world.count(SCOPE, Filter::All(conditions))
    };
    assert_eq!(all("?", "!"), 0);
    assert_eq!(all("!", "! y"), 1);
}

#[test]
fn looking_for_words_that_are_nowhere_ends_with_the_time() {
    let world = world(&["some text"]);
    let no_time = ReadContext { timeout: Duration::ZERO, ..context(SCOPE) };
    let part = |filter: Filter| match world.run(world.reader.count(CountRequest { context: no_time.clone(), filter })) {
        Err(ReadError::Timeout { part }) => part,
        other => panic!("expected that the time is up: {other:?}"),
    };
    assert_eq!(part(like("nowhere")), "looking for parts of words");
    let words = TextQuery::Term("nowhere".to_owned());
    assert_eq!(part(Filter::FullText(vec![Column::RequestPrompt], words)), "looking for words");
}

#[test]
fn full_text_that_stands_for_too_many_words_together_is_refused() {
    let world = world(&[&many_words(), "other words"]);
    let count = |prefixes: usize| {
        let prefixes = vec![TextQuery::Prefix("w0".to_owned()); prefixes];
        world.try_count(SCOPE, Filter::FullText(vec![Column::RequestPrompt], TextQuery::Any(prefixes)))
    };
    let most = TEXT_QUERY_WORDS / PREFIX_WORDS;
    assert_eq!(count(most).expect("an answer").content, 1);
    let Err(ReadError::Refused { reason }) = count(most + 1) else { panic!("expected a refusal") };
    assert!(reason.contains("more than 100000 words: expected fewer words or longer beginnings"), "{reason}");
}

#[test]
fn any_number_of_words_may_have_the_parts_that_are_searched() {
    let all = many_words();
    let world = world(&[&all, "w000001", "other words"]);
    for conditions in [1, 4, 20] {
        let found = |text: &str| {
            let conditions = (0..conditions).map(|at| like(if at % 2 == 0 { "w0" } else { "0" }));
            world.count(SCOPE, Filter::All(conditions.chain([like(text)]).collect()))
        };
        assert_eq!(found("w"), 2, "{conditions} conditions");
        assert_eq!(found("0999"), 1, "{conditions} conditions");
        assert_eq!(found("other"), 0, "{conditions} conditions");
    }
}

#[test]
fn a_pattern_of_many_parts_is_held_to_all_of_them() {
    let parts: Vec<String> = (0..50).map(|number| format!("part{number}x")).collect();
    let (spaced, wild) = (parts.join(" "), parts.join("%"));
    let without = |at: usize, separator: &str| {
        let rest = parts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, part)| part.as_str());
        rest.collect::<Vec<_>>().join(separator)
    };
    let texts = [spaced.clone(), without(0, " "), without(40, " "), without(49, " "), parts.concat()];
    let world = world(&texts.each_ref().map(String::as_str));
    assert_eq!(world.matching(like(&spaced)), [1]);
    assert_eq!(world.matching(like(&wild)), [5, 1]);
    assert_eq!(world.matching(like(&without(40, "%"))), [5, 3, 1]);
    assert_eq!(world.matching(like(&without(40, " "))), [3]);
}

#[test]
fn a_part_of_few_or_most_values_of_a_column_is_found() {
    let mut world = World::new();
    let name = |id: u128| format!("model-{id:03}");
    for id in 0..200 {
        world.apply(call(id, 0, [(Column::ModelName, Value::text(name(id)))]));
    }
    world.commit();
    for part in ["1", "model", "-0", "199", "7", "el-1", "x"] {
        let pattern = LikePattern::new(part, Place::Anywhere).expect("a pattern");
        let expected = (0..200).filter(|id| name(*id).contains(part)).count();
        assert_eq!(world.count(SCOPE, Filter::Like(vec![Column::ModelName], pattern)), expected as u64, "{part}");
    }
}
