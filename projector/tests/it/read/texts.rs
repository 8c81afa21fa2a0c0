//! Full text in several languages.

use schemas::access::ReadScope;
use schemas::event::CallEventType;
use schemas::limits::PREFIX_WORDS;
use schemas::model::Column;
use schemas::query::{Filter, SortBy, SortKey, SortValue, TextQuery};
use schemas::reader::{ListRequest, ReadError};
use schemas::value::Value;

use super::world::{FIRST, SECOND, World, call, event, list_request};

const LONG: [Column; 3] = [Column::RequestPrompt, Column::ResponsePreview, Column::StatusMessage];

fn world(prompts: &[&str]) -> World {
    let mut world = World::new();
    for (id, prompt) in (1..).zip(prompts) {
        world.apply(call(id, i64::try_from(id).expect("small"), [(Column::RequestPrompt, Value::text(*prompt))]));
        // Several segments, each with a dictionary of its own.
        if id % 3 == 0 {
            world.commit();
        }
    }
    world.commit();
    world
}

fn term(text: &str) -> TextQuery {
    TextQuery::Term(text.to_owned())
}

fn phrase(text: &str) -> TextQuery {
    TextQuery::Phrase(text.to_owned())
}

fn prefix(text: &str) -> TextQuery {
    TextQuery::Prefix(text.to_owned())
}

fn not(query: TextQuery) -> TextQuery {
    TextQuery::Not(Box::new(query))
}

fn found(world: &World, query: TextQuery) -> Vec<u8> {
    let mut found = world.matching(Filter::FullText(LONG.to_vec(), query));
    found.sort_unstable();
    found
}

#[test]
fn case_and_accents_make_no_difference() {
    let world = world(&[
        "Crème brûlée for München",
        "CREME BRULEE",
        "creme brulée in munchen",
        "Größe und Straße",
        "a crèmerie",
        "Ελλάδα και Ελλαδα",
        "ο πελάτης",
    ]);
    for word in ["creme", "crème", "CRÈME", "Crémè"] {
        assert_eq!(found(&world, term(word)), [1, 2, 3], "{word}");
    }
    assert_eq!(found(&world, term("münchen")), [1, 3]);
    assert_eq!(found(&world, phrase("creme Brulee")), [1, 2, 3]);
    assert_eq!(found(&world, prefix("crem")), [1, 2, 3, 5]);
    assert_eq!(found(&world, prefix("crèm")), [1, 2, 3, 5]);
    assert_eq!(found(&world, term("grosse")), [] as [u8; 0], "ß is a letter of its own");
    assert_eq!(found(&world, term("größe")), [4]);
    assert_eq!(found(&world, phrase("ΕΛΛΆΔΑ και ελλάδα")), [6]);
    for query in [term("πελάτης"), term("ΠΕΛΑΤΗΣ"), prefix("ΠΕΛΑΤΗΣ"), phrase("Ο ΠΕΛΆΤΗΣ")]
    {
        assert_eq!(found(&world, query), [7]);
    }
}

#[test]
fn texts_without_spaces_are_found_by_any_part() {
    let world = world(&[
        "请用中文回答这个问题",
        "这个中国的文章",
        "東京タワーはどこですか",
        "한국어로 대답해 주세요",
        "mixed 中文 and English",
        "ฉันต้องการคืนเงิน ขอบคุณค่ะ",
        "ຂ້ອຍຕ້ອງການເງິນຄືນ",
        "ខ្ញុំចង់បានប្រាក់វិញ",
        "ငွေပြန်အမ်းချင်ပါတယ်",
    ]);
    assert_eq!(found(&world, term("中文")), [1, 5]);
    assert_eq!(found(&world, term("回答这个问题")), [1]);
    assert_eq!(found(&world, term("文中")), [] as [u8; 0]);
    assert_eq!(found(&world, term("タワー")), [3]);
    assert_eq!(found(&world, term("京タ")), [3]);
    assert_eq!(found(&world, term("국어")), [4]);
    assert_eq!(found(&world, prefix("中")), [1, 2, 5]);
    assert_eq!(found(&world, phrase("中文 and")), [5]);
    assert_eq!(found(&world, term("คืนเงิน")), [6]);
    assert_eq!(found(&world, term("เงินคืน")), [] as [u8; 0]);
    assert_eq!(found(&world, term("ເງິນ")), [7]);
    assert_eq!(found(&world, term("ប្រាក់")), [8]);
    assert_eq!(found(&world, term("ပြန်အမ်း")), [9]);
}

#[test]
fn words_that_split_are_phrases_and_marks_are_no_words() {
    let world = world(&["retry-after 30s 🎉", "after a retry", "Retry, after all", "🎉🎉 party"]);
    assert_eq!(found(&world, term("retry-after")), [1, 3]);
    assert_eq!(found(&world, phrase("retry after")), [1, 3]);
    assert_eq!(found(&world, TextQuery::All(vec![term("retry"), term("after")])), [1, 2, 3]);
    assert_eq!(found(&world, term("🎉")), [] as [u8; 0]);
    assert_eq!(found(&world, not(term("🎉"))), [1, 2, 3, 4]);
    assert_eq!(found(&world, term("🎉party🎉")), [4]);
}

#[test]
fn what_only_excludes_finds_the_rest() {
    let mut world = world(&["apples and pears", "pears", "plums"]);
    world.apply(call(9, 9, []));
    world.commit();
    assert_eq!(found(&world, not(term("pears"))), [3, 9]);
    assert_eq!(found(&world, TextQuery::All(vec![not(term("pears")), not(term("plums"))])), [9]);
    assert_eq!(found(&world, TextQuery::Any(vec![term("apples"), not(term("pears"))])), [1, 3, 9]);
    assert_eq!(found(&world, TextQuery::All(Vec::new())), [1, 2, 3, 9]);
    assert_eq!(found(&world, TextQuery::Any(Vec::new())), [] as [u8; 0]);
}

#[test]
fn each_word_may_be_in_another_column_but_a_phrase_is_in_one() {
    let mut world = World::new();
    let texts = [(Column::RequestPrompt, Value::text("rate")), (Column::ResponsePreview, Value::text("limit"))];
    world.apply(call(1, 0, texts));
    world.commit();
    assert_eq!(found(&world, TextQuery::All(vec![term("rate"), term("limit")])), [1]);
    assert_eq!(found(&world, phrase("rate limit")), [] as [u8; 0]);
    let only = |column, query| world.matching(Filter::FullText(vec![column], query));
    assert_eq!(only(Column::RequestPrompt, term("limit")), [] as [u8; 0]);
    assert_eq!(only(Column::ResponsePreview, term("limit")), [1]);
}

#[test]
fn a_prefix_that_stands_for_too_many_words_is_refused_and_a_longer_one_is_not() {
    let mut world = World::new();
    let words: Vec<String> = (0..=PREFIX_WORDS).map(|number| format!("w{number:05}")).collect();
    world.apply(call(1, 0, [(Column::RequestPrompt, Value::text(words.join(" ")))]));
    world.commit();
    let count = |text: &str| world.try_count(ReadScope::Project(FIRST), Filter::FullText(LONG.to_vec(), prefix(text)));
    let Err(ReadError::Refused { reason }) = count("w") else { panic!("expected a refusal") };
    assert!(reason.contains("w*"), "{reason}");
    assert_eq!(count("w0").expect("an answer").content, 1);
    assert_eq!(count("w010").expect("an answer").content, 1);
}

#[test]
fn by_relevance_rare_and_frequent_words_come_first_and_pages_go_on() {
    let mut texts = vec!["python python python", "python and a great many other words that make it less so", "nothing"];
    texts.extend(["the python", "the snake", "the zoo", "the end"]);
    let world = world(&texts);
    let query = Filter::FullText(LONG.to_vec(), TextQuery::Any(vec![term("python"), term("the")]));
    let request = || ListRequest {
        sort: vec![SortKey { by: SortBy::Relevance, descending: true, nulls_first: true }],
        ..list_request(ReadScope::Project(FIRST), query.clone())
    };
    let all = world.list(request());
    let ids: Vec<u128> = all.rows.iter().map(|row| row.position.id.as_u128()).collect();
    assert_eq!(ids.len(), 6);
    assert_eq!(ids[0], 4, "it has both words");
    assert_eq!(ids[1], 1, "the rarer word, often");
    let scores: Vec<f32> = all
        .rows
        .iter()
        .map(|row| match row.position.values[0] {
            SortValue::Score(score) => score,
            SortValue::Value(_) => panic!("expected a score"),
        })
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores[5] > 0.0, "{scores:?}");
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = world.list(ListRequest { limit: 2, after, ..request() });
        let Some(last) = page.rows.last() else { break };
        after = Some(last.position.clone());
        walked.extend(page.rows.iter().map(|row| row.position.id.as_u128()));
    }
    assert_eq!(walked, ids);
}

#[test]
fn words_under_an_exclusion_do_not_count_for_relevance() {
    let world = world(&["fish", "fish and chips"]);
    let scores = |query| {
        let request = ListRequest {
            sort: vec![SortKey { by: SortBy::Relevance, descending: true, nulls_first: true }],
            ..list_request(ReadScope::Project(FIRST), Filter::FullText(LONG.to_vec(), query))
        };
        let rows = world.list(request).rows.into_iter();
        rows.map(|row| (row.position.id.as_u128(), row.position.values)).collect::<Vec<_>>()
    };
    let fish = scores(term("fish"));
    let with_chips = scores(TextQuery::All(vec![term("fish"), not(not(term("chips")))]));
    assert_eq!(with_chips, fish[1..]);
}

#[test]
fn a_word_scores_also_beside_an_exclusion_that_excludes_nothing() {
    let world = world(&["chips", "fish"]);
    let query = TextQuery::Any(vec![not(term("peas")), term("fish")]);
    let page = world.list(ListRequest {
        sort: vec![SortKey { by: SortBy::Relevance, descending: true, nulls_first: true }],
        ..list_request(ReadScope::Project(FIRST), Filter::FullText(LONG.to_vec(), query))
    });
    let ids: Vec<u128> = page.rows.iter().map(|row| row.position.id.as_u128()).collect();
    assert_eq!(ids, [2, 1]);
}

/// A segment in which few words are looked up in the project's documents, and many are cut with them.
#[test]
fn words_of_few_and_of_many_calls_are_those_of_the_project() {
    let mut world = World::new();
    for id in 1..=250 {
        let project = if id % 2 == 0 { FIRST } else { SECOND };
        let rare = if (100..102).contains(&id) { format!("rare{id}") } else { String::new() };
        let claims = [(Column::RequestPrompt, Value::text(format!("{rare} often{}", id % 5)))];
        world.apply(event(CallEventType::Completed, project, id, 0, claims));
    }
    world.commit();
    assert_eq!(found(&world, prefix("rare")), [100]);
    let often = Filter::FullText(LONG.to_vec(), prefix("often"));
    assert_eq!(world.count(ReadScope::Project(FIRST), often.clone()), 125);
    let both = Filter::All(vec![often, Filter::FullText(LONG.to_vec(), prefix("rare"))]);
    assert_eq!(world.count(ReadScope::Project(FIRST), both), 1);
}

#[test]
fn other_columns_have_no_full_text() {
    let world = world(&["x"]);
    let filter = Filter::FullText(vec![Column::ModelName], term("x"));
    assert!(matches!(world.try_count(ReadScope::Project(FIRST), filter), Err(ReadError::Refused { .. })));
}

#[test]
fn composed_and_decomposed_letters_are_the_same_words() {
    let world = world(&[
        "résumé",
        "re\u{301}sume\u{301}",
        "resume",
        "がくせい",
        "か\u{3099}くせい",
        "한글",
        "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}",
        "हिन्दी में",
        "Việt Nam",
        "Vie\u{323}\u{302}t Nam",
    ]);
    for word in ["résumé", "re\u{301}sume\u{301}", "RESUME"] {
        assert_eq!(found(&world, term(word)), [1, 2, 3], "{word}");
    }
    assert_eq!(found(&world, term("がくせい")), [4, 5]);
    assert_eq!(found(&world, term("か\u{3099}くせい")), [4, 5]);
    assert_eq!(found(&world, term("한글")), [6, 7]);
    assert_eq!(found(&world, term("\u{1112}\u{1161}\u{11ab}")), [6, 7]);
    assert_eq!(found(&world, term("हिन्दी")), [8]);
    assert_eq!(found(&world, phrase("viet nam")), [9, 10]);
    assert_eq!(found(&world, prefix("vie")), [9, 10]);
}
