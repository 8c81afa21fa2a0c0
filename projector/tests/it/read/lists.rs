//! Lists, counts and items against a naive filter and sort.

use proptest::prelude::*;
use schemas::access::ReadScope;
use schemas::id::CallId;
use schemas::model::{Column, ColumnSet};
use schemas::query::{Filter, SortKey, SortPosition, SortValue};
use schemas::reader::ListRequest;
use schemas::row::Row;
use schemas::value::Value;

use super::generator::Generator;
use super::naive::{holds, position};
use super::world::{FIRST, World, all_columns, call, context, list_request, of_partitions, partition};

/// A world of several commits, in which calls were updated, erased and merged.
pub(super) fn random_world(generator: &mut Generator) -> World {
    let mut world = World::new();
    fill(&mut [&mut world], generator);
    world
}

/// Lets the same happen in several worlds.
pub(super) fn fill(worlds: &mut [&mut World], generator: &mut Generator) {
    for _ in 0..=generator.below(5) {
        for _ in 0..generator.below(40) {
            let event = generator.event();
            for world in worlds.iter_mut() {
                world.apply(event.clone());
            }
        }
        for world in worlds.iter_mut() {
            world.commit();
        }
        if generator.below(4) == 0 {
            for world in worlds.iter_mut() {
                world.merge();
            }
        }
    }
}

pub(super) fn in_order(mut rows: Vec<Row>, keys: &[SortKey]) -> Vec<(SortPosition, Row)> {
    let mut placed: Vec<_> = rows.drain(..).map(|row| (position(&row, keys), row)).collect();
    placed.sort_by(|(a, _), (b, _)| a.compare(b, keys));
    placed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_list_is_what_a_naive_filter_and_sort_give(seed in any::<u64>()) {
        let mut generator = Generator::new(seed);
        let world = random_world(&mut generator);
        for _ in 0..40 {
            let (scope, filter, sort) = (generator.scope(), generator.filter(2), generator.sort());
            let rows: Vec<Row> = world.rows(scope).into_iter().filter(|row| holds(&filter, row)).collect();
            let total = rows.len();
            let expected = in_order(rows, &sort);
            let (skip, limit) = (generator.below(4) * generator.below(8), generator.below(12));
            let after = match generator.below(3) {
                0 if !expected.is_empty() => {
                    let at = usize::try_from(generator.below(expected.len() as u64)).expect("small");
                    Some(expected[at].0.clone())
                }
                _ => None,
            };
            let request = ListRequest {
                sort: sort.clone(), skip, after: after.clone(), limit: u32::try_from(limit).expect("small"),
                ..list_request(scope, filter.clone())
            };
            let page = world.list(request);
            let wanted: Vec<_> = expected
                .into_iter()
                .filter(|(place, _)| after.as_ref().is_none_or(|after| place.compare(after, &sort).is_gt()))
                .skip(usize::try_from(skip).expect("small"))
                .take(usize::try_from(limit).expect("small"))
                .collect();
            let found: Vec<_> = page.rows.into_iter().map(|row| (row.position, row.row)).collect();
            prop_assert_eq!(&found, &wanted, "{:?} by {:?} after {:?} skip {}", filter, sort, after, skip);
            prop_assert_eq!(page.count, Some(total as u64), "{:?}", filter);
        }
    }

    #[test]
    fn every_scope_and_choice_of_partitions_sees_its_own_calls_only(seed in any::<u64>()) {
        let mut generator = Generator::new(seed);
        let world = random_world(&mut generator);
        for _ in 0..20 {
            let (scope, filter) = (generator.scope(), generator.filter(1));
            let wanted: Vec<u32> = (0..4).filter(|_| generator.below(2) == 0).collect();
            let rows = world.rows(scope);
            let id = |row: &Row| match row.get(Column::Id) { Value::Id(id) => CallId(*id), _ => unreachable!() };
            let expected = rows.iter().filter(|row| holds(&filter, row) && wanted.contains(&partition(id(row))));
            let mut expected: Vec<_> = expected.map(|row| (id(row), row.get(Column::ProjectId).clone())).collect();
            let request = ListRequest {
                context: of_partitions(scope, wanted.clone()), ..list_request(scope, filter.clone())
            };
            let page = world.list(request);
            let mut found: Vec<_> =
                page.rows.iter().map(|row| (CallId(row.position.id), row.row.get(Column::ProjectId).clone())).collect();
            expected.sort();
            found.sort();
            prop_assert_eq!(&found, &expected, "{:?} of {:?}", filter, wanted);
            prop_assert_eq!(page.count, Some(expected.len() as u64));
            for row in rows.iter().take(5) {
                let found = world.get(of_partitions(scope, wanted.clone()), id(row)).expect("an answer");
                prop_assert_eq!(found.is_some(), wanted.contains(&partition(id(row))));
            }
        }
    }
}

#[test]
fn pages_that_start_after_the_last_row_show_every_call_once() {
    let mut world = World::new();
    for id in 0..50 {
        // Many alike in the key: the id decides.
        world.apply(call(id, i64::try_from(id % 3).expect("small"), []));
        if id % 17 == 0 {
            world.commit();
        }
    }
    world.commit();
    for sort in [SortKey::newest_first(), vec![SortKey::of_column(Column::Feature, false)]] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let request = ListRequest { sort: sort.clone(), limit: 7, after, ..everything() };
            let page = world.list(request);
            let Some(last) = page.rows.last() else { break };
            after = Some(last.position.clone());
            seen.extend(page.rows.iter().map(|row| row.position.id));
        }
        let all = world.list(ListRequest { sort: sort.clone(), ..everything() });
        assert_eq!(seen, all.rows.iter().map(|row| row.position.id).collect::<Vec<_>>());
        assert_eq!(seen.len(), 50);
    }
}

fn everything() -> ListRequest {
    list_request(ReadScope::Project(FIRST), Filter::everything())
}

#[test]
fn newest_first_is_exact_whatever_the_order_of_arrival() {
    let mut world = World::new();
    let mut generator = Generator::new(7);
    let mut rows = Vec::new();
    // Several blocks of documents: nearly in order, one block old, one call of the far future early on.
    for number in 0..20_000_u32 {
        let at = match number {
            3 => 4_000_000_000_000,
            9000..9100 => i64::from(number),
            _ => 1_700_000_000_000 + i64::from(number / 4) * 10 - i64::try_from(generator.below(200)).expect("small"),
        };
        let model = ["gpt", "claude"][usize::from(number % 1000 == 0)];
        let id = u128::from(number) * 0x9e37_79b9_7f4a_7c15;
        world.apply(call(id, at, [(Column::ModelName, Value::text(model))]));
        rows.push((at, id, model));
        if number == 15_000 {
            world.commit();
        }
    }
    world.commit();
    let rare = Filter::Equal(Column::ModelName, Value::text("claude"));
    for descending in [true, false] {
        rows.sort_by_key(|(at, id, _)| (if descending { -at } else { *at }, *id));
        for (filter, only) in [(Filter::everything(), None), (rare.clone(), Some("claude"))] {
            let expected: Vec<u128> = rows
                .iter()
                .filter(|(.., model)| only.is_none_or(|only| only == *model))
                .map(|(_, id, _)| *id)
                .collect();
            for (skip, limit) in [(0, 10), (5, 3), (18, 10), (12_345, 20)] {
                let request = ListRequest {
                    sort: vec![SortKey::of_column(Column::CreatedAt, descending)],
                    skip,
                    limit,
                    ..list_request(ReadScope::Project(FIRST), filter.clone())
                };
                let page = world.list(request);
                let found: Vec<u128> = page.rows.iter().map(|row| row.position.id.as_u128()).collect();
                let skip = usize::try_from(skip).expect("small");
                let wanted: Vec<u128> = expected.iter().copied().skip(skip).take(limit as usize).collect();
                assert_eq!(found, wanted, "descending {descending}, {filter:?}, skip {skip}");
                assert_eq!(page.count, Some(expected.len() as u64));
            }
        }
    }
    // A walk by positions goes on exactly where the page ended.
    let first = world.list(ListRequest { limit: 9000, columns: ColumnSet::default(), ..everything() });
    let after = first.rows.last().map(|row| row.position.clone());
    let next = world.list(ListRequest { limit: 3, after, ..everything() });
    rows.sort_by_key(|(at, id, _)| (-at, *id));
    let wanted: Vec<u128> = rows[9000..9003].iter().map(|(_, id, _)| *id).collect();
    assert_eq!(next.rows.iter().map(|row| row.position.id.as_u128()).collect::<Vec<_>>(), wanted);
}

#[test]
fn nulls_come_last_ascending_and_first_descending_unless_told_otherwise() {
    let mut world = World::new();
    for (id, duration) in [(1, Some(5)), (2, None), (3, Some(1)), (4, None)] {
        world.apply(call(id, 0, duration.map(|ms| (Column::DurationMs, Value::Number(ms)))));
    }
    world.commit();
    let page = |key: &SortKey, limit: u32| {
        let page = world.list(ListRequest { sort: vec![key.clone()], limit, ..everything() });
        page.rows.iter().map(|row| row.position.id.as_u128()).collect::<Vec<_>>()
    };
    let order = |key: SortKey| {
        let all = page(&key, 10);
        // Which rows a page is of is decided before they are sorted.
        assert_eq!(page(&key, 2), all[..2]);
        all
    };
    assert_eq!(order(SortKey::of_column(Column::DurationMs, false)), [3, 1, 2, 4]);
    assert_eq!(order(SortKey::of_column(Column::DurationMs, true)), [2, 4, 1, 3]);
    let turned =
        |descending: bool| SortKey { nulls_first: !descending, ..SortKey::of_column(Column::DurationMs, descending) };
    assert_eq!(order(turned(false)), [2, 4, 3, 1]);
    assert_eq!(order(turned(true)), [1, 3, 2, 4]);
}

#[test]
fn the_same_call_id_in_two_projects_is_two_calls() {
    use schemas::event::CallEventType::Completed;
    let mut world = World::new();
    for (project, model) in [(FIRST, "mine"), (super::world::SECOND, "theirs")] {
        world.apply(super::world::event(Completed, project, 9, 0, [(Column::ModelName, Value::text(model))]));
    }
    world.commit();
    let id = CallId(uuid::Uuid::from_u128(9));
    let model = |scope| {
        let row = world.get(context(scope), id).expect("an answer").expect("a call");
        row.get(Column::ModelName).as_text().map(str::to_owned)
    };
    assert_eq!(model(ReadScope::Project(FIRST)).as_deref(), Some("mine"));
    assert_eq!(model(ReadScope::Project(super::world::SECOND)).as_deref(), Some("theirs"));
    let by_id = Filter::Equal(Column::Id, Value::Id(id.0));
    assert_eq!(world.count(ReadScope::Project(FIRST), by_id.clone()), 1);
    assert_eq!(world.count(ReadScope::EveryProject, by_id), 2);
    let theirs = Filter::Equal(Column::ProjectId, Value::Id(super::world::SECOND.0));
    assert_eq!(world.count(ReadScope::Project(FIRST), theirs.clone()), 0);
    assert_eq!(world.count(ReadScope::Project(FIRST), Filter::Not(Box::new(theirs))), 1);
}

#[test]
fn a_position_of_another_order_is_refused() {
    let mut world = World::new();
    world.apply(call(1, 0, []));
    world.commit();
    let after =
        SortPosition { values: vec![SortValue::Value(Value::text("x"))], id: uuid::Uuid::nil(), project: FIRST };
    let refused = world.try_list(ListRequest { after: Some(after), columns: all_columns(), ..everything() });
    assert!(matches!(refused, Err(schemas::reader::ReadError::Refused { .. })));
}
