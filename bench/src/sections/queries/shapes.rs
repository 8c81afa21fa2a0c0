//! What is asked, each time with other words, ids, dates and projects, so that nothing can answer from memory.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use schemas::model::Column;
use schemas::time::Date;
use serde_json::{Value, json};

use super::shape::{Class, Question, Shape};
use crate::base::About;
use crate::corpus::Words;

const DAY_MS: i64 = 86_400_000;
/// Parts of words that most texts have.
const FREQUENT_PARTS: [&str; 8] = ["ing", "ion", "ent", "er", "and", "the", "ed", "in"];

fn list(random: &mut StdRng, skip: u64, query: &Value, sort: &Value) -> Question {
    let select =
        json!({"createdAt": true, "modelName": true, "status": true, "totalTokens": true, "requestPrompt": true});
    let body = json!({"select": select, "query": query, "sort": sort});
    Question { project: Words::project(random), path: format!("/api/llm-log/get-list?limit=10&skip={skip}"), body }
}

fn count(random: &mut StdRng, query: &Value) -> Question {
    Question { project: Words::project(random), path: "/api/llm-log/count".into(), body: json!({"query": query}) }
}

fn stats(random: &mut StdRng, mut body: Value, query: &Value) -> Question {
    if let Some(members) = body.as_object_mut() {
        members.insert("query".to_owned(), query.clone());
    }
    Question { project: Words::project(random), path: "/api/llm-log/stats".into(), body }
}

/// The newest calls with these words.
fn text(random: &mut StdRng, words: &str) -> Question {
    list(random, 0, &full_text(words), &json!({}))
}

fn full_text(words: &str) -> Value {
    json!({"_text": {"_type": "FullText", "value": words}})
}

fn search(column: &str, part: &str) -> Value {
    json!({column: {"_type": "Search", "value": part}})
}

/// Between an instant of the base and up to so many days later.
fn within(about: &About, random: &mut StdRng, days: i64) -> Value {
    let start = about.until().0 - random.random_range(days * DAY_MS..=30 * DAY_MS);
    let end = start + random.random_range(DAY_MS / 2..=days * DAY_MS);
    json!({"_type": "InBetween", "startValue": Date(start).to_string(), "endValue": Date(end).to_string()})
}

/// The middle of a word that few calls have.
fn part(word: &str) -> &str {
    word.get(1..word.len().saturating_sub(1)).filter(|part| part.len() > 2).unwrap_or(word)
}

const NEWEST: Value = Value::Null;

/// All shapes, each with its own literals every time.
pub(crate) const SHAPES: &[Shape] = &[
    Shape { name: "newest list", class: Class::Newest, question: |_, random| list(random, 0, &json!({}), &NEWEST) },
    Shape {
        name: "count by status and model",
        class: Class::Quick,
        question: |about, random| {
            let (status, model) =
                (about.words.value(Column::Status, random), about.words.value(Column::ModelName, random));
            count(random, &json!({"status": status, "modelName": model}))
        },
    },
    Shape {
        name: "count by feature",
        class: Class::Quick,
        question: |about, random| {
            let query = json!({"feature": about.words.value(Column::Feature, random)});
            count(random, &query)
        },
    },
    Shape {
        name: "get-item",
        class: Class::Quick,
        question: |about, random| {
            let select = json!({"createdAt": true, "status": true, "requestPrompt": true, "responsePreview": true});
            let Some(call) = about.words.call(random) else { return list(random, 0, &json!({}), &NEWEST) };
            let path = format!("/api/llm-log/{}/get-item", call.id);
            Question { project: call.project, path, body: json!({"select": select}) }
        },
    },
    Shape {
        name: "list by duration",
        class: Class::Middling,
        question: |_, random| list(random, 0, &json!({}), &json!({"durationMs": -1})),
    },
    Shape {
        name: "list by model and date",
        class: Class::Middling,
        question: |_, random| list(random, 0, &json!({}), &json!({"modelName": 1, "createdAt": -1})),
    },
    Shape {
        name: "newest of a range",
        class: Class::Middling,
        question: |about, random| {
            let query = json!({"createdAt": within(about, random, 2)});
            list(random, 0, &query, &NEWEST)
        },
    },
    Shape {
        name: "count of a range",
        class: Class::Middling,
        question: |about, random| {
            let tokens = json!({"_type": "GreaterThan", "value": random.random_range(50..500)});
            let query = json!({"createdAt": within(about, random, 10), "totalTokens": tokens});
            count(random, &query)
        },
    },
    Shape {
        name: "count by three filters",
        class: Class::Middling,
        question: |about, random| {
            let feature = about.words.value(Column::Feature, random);
            let llm_type = about.words.value(Column::LlmType, random);
            let status = about.words.value(Column::Status, random);
            count(random, &json!({"feature": feature, "llmType": llm_type, "status": status}))
        },
    },
    Shape {
        name: "list, skip 10 000",
        class: Class::Middling,
        question: |_, random| {
            let skip = random.random_range(9_900..10_100);
            Question { project: 0, ..list(random, skip, &json!({}), &NEWEST) }
        },
    },
    Shape {
        name: "stats by day and model",
        class: Class::Stats,
        question: |_, random| stats(random, json!({"groupBy": ["day", "modelName"]}), &json!({})),
    },
    Shape {
        name: "full text, a rare word",
        class: Class::Middling,
        question: |about, random| {
            let word = about.words.rare(random);
            text(random, word)
        },
    },
    Shape {
        name: "full text, a common word",
        class: Class::Middling,
        question: |about, random| {
            let word = about.words.common(random);
            text(random, word)
        },
    },
    Shape {
        name: "full text, a phrase",
        class: Class::Middling,
        question: |about, random| {
            let phrase = format!("\"{}\"", about.words.phrase(random));
            text(random, &phrase)
        },
    },
    Shape {
        name: "full text, boolean",
        class: Class::Middling,
        question: |about, random| {
            let words = &about.words;
            let (one, two) = (words.middling(random), words.middling(random));
            let (three, four) = (words.middling(random), words.rare(random));
            text(random, &format!("({one} OR {two}) AND {three} NOT {four}"))
        },
    },
    Shape {
        name: "full text, a prefix",
        class: Class::Middling,
        question: |about, random| {
            let word = about.words.middling(random);
            text(random, &format!("{}*", word.get(..5).unwrap_or(word)))
        },
    },
    Shape {
        name: "search, a rare part",
        class: Class::RareSearch,
        question: |about, random| {
            let part = part(about.words.rare(random));
            list(random, 0, &search("responsePreview", part), &NEWEST)
        },
    },
    Shape {
        name: "search, a frequent part",
        class: Class::FrequentSearch,
        question: |_, random| {
            let part = FREQUENT_PARTS.choose(random).copied().unwrap_or_default();
            list(random, 0, &search("responsePreview", part), &NEWEST)
        },
    },
    Shape {
        name: "full text, a phrase of stop words",
        class: Class::StopWords,
        question: |about, random| {
            let phrase = format!("\"{}\"", about.words.stop_phrase(random));
            text(random, &phrase)
        },
    },
    Shape {
        name: "full text, a common word by relevance",
        class: Class::Other,
        question: |about, random| {
            let word = about.words.common(random);
            list(random, 0, &full_text(word), &json!({"_relevance": -1}))
        },
    },
    Shape {
        name: "list by prompt",
        class: Class::Other,
        question: |_, random| list(random, 0, &json!({}), &json!({"requestPrompt": 1})),
    },
    Shape {
        name: "stats by feature with percentiles",
        class: Class::Other,
        question: |about, random| {
            let body = json!({"groupBy": ["feature"], "percentiles": true});
            let query = json!({"createdAt": within(about, random, 10)});
            stats(random, body, &query)
        },
    },
    Shape {
        name: "stats of a user's failures by day",
        class: Class::Other,
        question: |about, random| {
            let user = about.words.value(Column::UserId, random);
            stats(random, json!({"groupBy": ["day"]}), &json!({"userId": user, "status": "Error"}))
        },
    },
];
