//! The language of full-text queries: parentheses around a whole query change nothing, and each word can be found.

#![no_main]

use fuzz::{Asked, ask};
use libfuzzer_sys::fuzz_target;
use query_api::Compat;
use schemas::limits::{TEXT_QUERY_BYTES, TEXT_QUERY_DEPTH};
use schemas::query::{Filter, TextQuery};
use serde_json::json;

fn filter(text: &str) -> Option<Filter> {
    let body = json!({"query": {"q": {"_type": "FullText", "value": text}}});
    match ask(Compat::Docs, "count", body.to_string().as_bytes()).asked {
        Some(Asked::Count(request)) => Some(request.filter),
        _ => None,
    }
}

/// How deep groups stand in a filter; checks its words.
fn depth(query: &TextQuery) -> usize {
    match query {
        TextQuery::All(queries) | TextQuery::Any(queries) => {
            assert!(queries.len() > 1, "a group of one is that one: {query:?}");
            1 + queries.iter().map(depth).max().unwrap_or(0)
        }
        TextQuery::Not(query) => 1 + depth(query),
        TextQuery::Term(text) | TextQuery::Phrase(text) | TextQuery::Prefix(text) => {
            assert!(text.chars().any(char::is_alphanumeric), "{text:?} can't be found");
            0
        }
    }
}

fn check(filter: &Filter) {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().for_each(check),
        Filter::Not(filter) => check(filter),
        // Each level of nesting is at most an OR of ANDs of a NOT.
        Filter::FullText(_, query) => assert!(depth(query) <= 4 * (TEXT_QUERY_DEPTH + 1), "{query:?}"),
        other => panic!("a full-text query is {other:?}"),
    }
}

fuzz_target!(|text: &str| {
    let Some(alone) = filter(text) else { return };
    check(&alone);
    let grouped = format!("({text})");
    // Within the limits, that is. Groups and exclusions nest.
    let nested = text.matches('(').count() + text.matches("NOT").count();
    if grouped.len() <= TEXT_QUERY_BYTES && nested < TEXT_QUERY_DEPTH {
        assert_eq!(filter(&grouped), Some(alone), "{grouped:?}");
    }
});
