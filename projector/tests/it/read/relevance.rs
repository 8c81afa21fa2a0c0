//! Orders by relevance: a score is a function of the call and of what the read may see, and of nothing else.

use std::sync::Arc;

use projector::IndexReader;
use proptest::prelude::*;
use query_api::MergedReader;
use schemas::access::ReadScope;
use schemas::event::{CallEvent, CallEventType};
use schemas::model::Column;
use schemas::query::{Filter, SortBy, SortKey, SortPosition, TextQuery};
use schemas::reader::{CallReader, ListRequest};
use schemas::value::Value;

use super::world::{FIRST, SECOND, World, event, list_request};

const LONG: [Column; 3] = [Column::RequestPrompt, Column::ResponsePreview, Column::StatusMessage];
const WORDS: [&str; 8] = ["the", "réfund", "refund", "refunds", "parcel", "late", "中文", "so"];

/// Prompt and response as words, whether the call is of the first project, and whether it is told again.
type Told = (Vec<&'static str>, Vec<&'static str>, bool, bool);

fn told() -> impl Strategy<Value = Vec<Told>> {
    let words = || prop::collection::vec(prop::sample::select(&WORDS[..]), 0..12);
    prop::collection::vec((words(), words(), any::<bool>(), any::<bool>()), 4..24)
}

fn query() -> impl Strategy<Value = TextQuery> {
    let word = prop::sample::select(&WORDS[..]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        4 => word.clone().prop_map(TextQuery::Term),
        1 => word.clone().prop_map(TextQuery::Prefix),
        1 => (word.clone(), word).prop_map(|(first, second)| TextQuery::Phrase(format!("{first} {second}"))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 1..4).prop_map(TextQuery::All),
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(TextQuery::Any),
            1 => inner.prop_map(|query| TextQuery::Not(Box::new(query))),
        ]
    })
}

fn by_relevance(scope: ReadScope, query: TextQuery) -> ListRequest {
    ListRequest {
        sort: vec![SortKey { by: SortBy::Relevance, descending: true, nulls_first: true }],
        ..list_request(scope, Filter::FullText(LONG.to_vec(), query))
    }
}

fn events((number, (prompt, response, of_first, again)): (u128, &Told)) -> Vec<CallEvent> {
    let project = if *of_first { FIRST } else { SECOND };
    let told = |at: i64, prompt: &str| {
        let claims = [(Column::RequestPrompt, prompt), (Column::ResponsePreview, &response.join(" "))];
        let claims = claims.map(|(column, text)| (column, Value::text(text)));
        event(CallEventType::Completed, project, number, at, claims)
    };
    let last = told(2, &prompt.join(" "));
    if *again { vec![told(1, "the late late refund of before"), last] } else { vec![last] }
}

/// A world with the calls that `takes` takes, a segment of every few events.
fn world(calls: &[Told], segment_events: usize, takes: impl Fn(&CallEvent) -> bool) -> World {
    fill(World::new(), calls, segment_events, takes)
}

fn fill(mut world: World, calls: &[Told], segment_events: usize, takes: impl Fn(&CallEvent) -> bool) -> World {
    for (at, event) in (1..).zip(calls).flat_map(events).filter(takes).enumerate() {
        world.apply(event);
        if at % segment_events == segment_events - 1 {
            world.commit();
        }
    }
    world.commit();
    world
}

fn places(world: &World, request: &ListRequest) -> Vec<SortPosition> {
    world.list(request.clone()).rows.into_iter().map(|row| row.position).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_the_same_whatever_else_there_is_and_however_it_came_there(
        calls in told(),
        queries in prop::collection::vec(query(), 1..8),
    ) {
        let alone = world(&calls, 1000, |event| event.key.project == FIRST);
        let all = world(&calls, 1000, |_| true);
        let mut in_segments = world(&calls, 5, |_| true);
        let whole = world(&calls, 7, |_| true);
        let halves = [[0, 3], [1, 2]].map(|of| fill(World::of_partitions(of), &calls, 6, |_| true));
        let reader = |world: &World| -> Arc<dyn CallReader> {
            Arc::new(IndexReader::new(Arc::clone(&world.cell), Arc::clone(&world.status)).expect("threads"))
        };
        let merged = MergedReader::new(halves.iter().map(reader).collect());
        let first = |query: &TextQuery| by_relevance(ReadScope::Project(FIRST), query.clone());
        let every = |query: &TextQuery| by_relevance(ReadScope::EveryProject, query.clone());
        for query in &queries {
            let expected = places(&alone, &first(query));
            prop_assert_eq!(&places(&all, &first(query)), &expected, "beside another project: {:?}", query);
            prop_assert_eq!(&places(&in_segments, &first(query)), &expected, "in several segments: {:?}", query);
            prop_assert_eq!(places(&in_segments, &every(query)), places(&whole, &every(query)), "of all: {:?}", query);
            for request in [first(query), every(query)] {
                let page = whole.run(merged.list(request.clone())).expect("a list").content;
                prop_assert_eq!(page, whole.list(request), "of two readers: {:?}", query);
            }
        }
        in_segments.merge();
        for query in &queries {
            prop_assert_eq!(places(&in_segments, &first(query)), places(&alone, &first(query)), "merged: {:?}", query);
        }
    }
}
