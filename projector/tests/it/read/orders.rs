//! Orders over several segments and several readers, held to a naive sort of the rows.

use std::sync::Arc;
use std::time::Duration;

use projector::IndexReader;
use proptest::prelude::*;
use query_api::MergedReader;
use schemas::access::ReadScope;
use schemas::event::CallEventType;
use schemas::id::ProjectId;
use schemas::model::{Column, ColumnSet, Relation};
use schemas::query::{Filter, SortBy, SortKey, SortPosition};
use schemas::reader::{CallReader, ListPage, ListRequest, ReadContext, ReadError};
use schemas::row::Row;
use schemas::value::Value;

use super::generator::Generator;
use super::lists::{fill, in_order};
use super::naive::holds;
use super::world::{FIRST, SECOND, World, call, context, event, list_request};

/// The same calls in one index, and in two that have half of the partitions each.
struct Worlds {
    whole: World,
    merged: MergedReader,
}

impl Worlds {
    fn random(generator: &mut Generator) -> Self {
        let mut whole = World::new();
        let mut halves = [World::of_partitions([0, 3]), World::of_partitions([1, 2])];
        let [first, second] = &mut halves;
        fill(&mut [&mut whole, first, second], generator);
        let reader = |world: &World| -> Arc<dyn CallReader> {
            Arc::new(IndexReader::new(Arc::clone(&world.cell), Arc::clone(&world.status)).expect("threads"))
        };
        let merged = MergedReader::new(halves.iter().map(reader).collect());
        Self { whole, merged }
    }

    fn rows(&self, scope: ReadScope) -> Vec<Row> {
        self.whole.rows(scope)
    }

    /// The page as the one index has it, which the two have to have together.
    fn list(&self, request: &ListRequest) -> ListPage {
        let page = self.whole.list(request.clone());
        let merged = self.whole.run(self.merged.list(request.clone())).expect("a list").content;
        assert_eq!(merged, page, "{request:?}");
        page
    }
}

fn places(page: &ListPage) -> Vec<SortPosition> {
    page.rows.iter().map(|row| row.position.clone()).collect()
}

/// Every column and every relation that calls can be sorted by.
fn everything_to_sort_by(generator: &mut Generator) -> Vec<SortBy> {
    let columns = Column::ALL.into_iter().filter(|column| column.relation().is_none()).map(SortBy::Column);
    let relations = Relation::ALL.into_iter().map(|relation| SortBy::Related(generator.related(relation).into()));
    columns.chain(relations).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nulls_go_to_the_asked_end_and_equal_rows_by_id_whatever_the_key(seed in any::<u64>()) {
        let mut generator = Generator::new(seed);
        let worlds = Worlds::random(&mut generator);
        for by in everything_to_sort_by(&mut generator) {
            for (descending, nulls_first) in [(false, false), (false, true), (true, false), (true, true)] {
                let scope = generator.scope();
                let sort = vec![SortKey { by: by.clone(), descending, nulls_first }];
                let expected: Vec<_> = in_order(worlds.rows(scope), &sort).into_iter().map(|(place, _)| place).collect();
                let request = ListRequest { sort: sort.clone(), ..list_request(scope, Filter::everything()) };
                prop_assert_eq!(places(&worlds.list(&request)), expected, "{:?} of {:?}", sort, scope);
            }
        }
    }

    #[test]
    fn a_walk_goes_on_after_its_last_row_in_any_order(seed in any::<u64>()) {
        let mut generator = Generator::new(seed);
        let worlds = Worlds::random(&mut generator);
        for _ in 0..12 {
            let (scope, filter, sort) = (generator.scope(), generator.filter(1), generator.sort());
            let rows = worlds.rows(scope).into_iter().filter(|row| holds(&filter, row)).collect();
            let expected: Vec<_> = in_order(rows, &sort).into_iter().map(|(place, _)| place).collect();
            let limit = 1 + u32::try_from(generator.below(9)).expect("small");
            let (mut walked, mut after) = (Vec::new(), None);
            loop {
                let page = list_request(scope, filter.clone());
                let page = worlds.list(&ListRequest { sort: sort.clone(), limit, after, ..page });
                prop_assert_eq!(page.count, Some(expected.len() as u64), "the count is of all matches");
                walked.extend(places(&page));
                let Some(last) = page.rows.into_iter().next_back() else { break };
                after = Some(last.position);
            }
            prop_assert_eq!(&walked, &expected, "{:?} by {:?} of {:?}", filter, sort, scope);
        }
    }

    #[test]
    fn a_walk_goes_on_at_the_value_that_it_was_at_when_related_rows_have_other_values_by_then(seed in any::<u64>()) {
        let mut generator = Generator::new(seed);
        let worlds = Worlds::random(&mut generator);
        for relation in Relation::ALL {
            let (scope, descending, nulls_first) = (generator.scope(), generator.below(2) == 0, generator.below(2) == 0);
            let [before, now] = [(); 2].map(|()| {
                let by = SortBy::Related(generator.related(relation).into());
                vec![SortKey { by, descending, nulls_first }]
            });
            let rows = in_order(worlds.rows(scope), &now);
            for after in in_order(worlds.rows(scope), &before).into_iter().map(|(place, _)| place).step_by(3) {
                let places_after = rows.iter().map(|(place, _)| place).filter(|place| place.compare(&after, &now).is_gt());
                let expected: Vec<_> = places_after.cloned().collect();
                let request = list_request(scope, Filter::everything());
                let request = ListRequest { sort: now.clone(), after: Some(after), ..request };
                prop_assert_eq!(places(&worlds.list(&request)), expected, "{:?} of {:?}", request.sort, scope);
            }
        }
    }
}

#[test]
fn two_calls_of_the_same_id_have_a_place_of_their_own_in_every_order() {
    let expected: Vec<_> = (0..5).flat_map(|id| [(id, FIRST), (id, SECOND)]).collect();
    for projects in [[FIRST, SECOND], [SECOND, FIRST]] {
        let mut world = World::new();
        for project in projects {
            (0..5).for_each(|id| world.apply(event(CallEventType::Completed, project, id, 0, [])));
            world.commit();
        }
        assert_eq!(walked_one_by_one(&world), expected, "in two segments");
        world.merge();
        assert_eq!(walked_one_by_one(&world), expected, "in one segment");
    }
}

fn walked_one_by_one(world: &World) -> Vec<(u128, ProjectId)> {
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let sort = vec![SortKey::of_column(Column::Feature, true)];
        let page = list_request(ReadScope::EveryProject, Filter::everything());
        let page = world.list(ListRequest { sort, limit: 1, after, ..page });
        let Some(place) = places(&page).pop() else { return walked };
        walked.push((place.id.as_u128(), place.project));
        after = Some(place);
    }
}

/// More calls than a page skips without counting first.
fn many() -> (World, u64) {
    let mut world = World::new();
    let calls = 2600_u32;
    for number in 0..calls {
        let (at, tokens) = (i64::from(number % 7), i64::from(number % 13));
        world.apply(call(u128::from(number), at, [(Column::TotalTokens, Value::Number(tokens))]));
        if number % 1000 == 999 {
            world.commit();
        }
    }
    world.commit();
    (world, u64::from(calls))
}

#[test]
fn a_page_far_from_the_start_is_exact() {
    let (world, calls) = many();
    let scope = ReadScope::Project(FIRST);
    let keys = [Column::TotalTokens, Column::CreatedAt].map(|column| SortKey::of_column(column, true));
    let sort = vec![keys[0].clone(), keys[1].clone()];
    let expected: Vec<_> = in_order(world.rows(scope), &sort).into_iter().map(|(place, _)| place).collect();
    for skip in [999, 1000, 1001, 2000, calls - 3, calls - 1, calls, calls + 1, u64::MAX] {
        let request = list_request(scope, Filter::everything());
        let request = ListRequest { sort: sort.clone(), skip, limit: 5, columns: ColumnSet::default(), ..request };
        let page = world.list(request);
        let skip = usize::try_from(skip).expect("64 bits");
        let wanted: Vec<_> = expected.iter().skip(skip).take(5).cloned().collect();
        assert_eq!(places(&page), wanted, "skip {skip}");
        assert_eq!(page.count, Some(calls));
    }
}

#[test]
fn a_page_beyond_the_end_is_answered_without_a_search() {
    let (world, calls) = many();
    let no_time = ReadContext { timeout: Duration::ZERO, ..context(ReadScope::Project(FIRST)) };
    let list = |skip, sort| {
        let request = list_request(no_time.scope, Filter::everything());
        world.try_list(ListRequest { context: no_time.clone(), skip, sort, count: false, ..request })
    };
    for sort in [SortKey::newest_first(), vec![SortKey::of_column(Column::TotalTokens, false)]] {
        for skip in [calls, calls + 1, u64::MAX] {
            let page = list(skip, sort.clone()).expect("an answer, though there is no time for a search").content;
            assert_eq!((page.rows.len(), page.count), (0, None), "skip {skip}");
        }
        let within = list(calls - 1, sort);
        assert!(matches!(within, Err(ReadError::Timeout { .. })), "{within:?}");
    }
}
