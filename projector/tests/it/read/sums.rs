//! Counts and sums: the counters, the columns and a naive sum agree.

use proptest::prelude::*;
use schemas::access::ReadScope;
use schemas::model::Column;
use schemas::query::{Bound, Bounds, Filter};
use schemas::reader::{ReadError, StatsRequest};
use schemas::row::Row;
use schemas::stats::{Group, GroupBy, Groups, StatsPage};
use schemas::time::Date;
use schemas::value::Value;

use super::generator::Generator;
use super::lists::random_world;
use super::naive;
use super::world::{FIRST, World, call, event, of_partitions, stats_request};

/// The groups without their durations.
fn totals(groups: &Groups) -> Groups {
    groups.iter().map(|(key, group)| (key.clone(), Group { totals: group.totals.clone(), durations: None })).collect()
}

/// What a page with so many of these groups should be.
fn page(groups: &Groups, limit: Option<u32>) -> StatsPage {
    let mut total = Group::default();
    for group in groups.values() {
        total.merge(group);
    }
    let mut first: Vec<(Vec<Value>, Group)> = groups.clone().into_iter().collect();
    // Stable: groups of as many calls stay in the order of their values.
    first.sort_by_key(|(_, group)| std::cmp::Reverse(group.totals.calls));
    first.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    StatsPage { groups: first, count: groups.len() as u64, total }
}

fn grouping(generator: &mut Generator, from: &[GroupBy]) -> Vec<GroupBy> {
    (0..generator.below(4)).map(|_| generator.pick(from)).collect()
}

/// What the snapshot's counters should be.
fn naive_counters(world: &World) -> Groups {
    let by = [
        GroupBy::Column(Column::ProjectId),
        GroupBy::Day,
        GroupBy::Column(Column::ModelName),
        GroupBy::Column(Column::Status),
    ];
    naive::stats(&world.rows(ReadScope::EveryProject), &Filter::everything(), &by, false)
}

fn counters(snapshot: &projector::snapshot::Snapshot) -> Groups {
    let text = |text: Option<Box<str>>| text.map_or(Value::Null, Value::Text);
    let groups = snapshot.counters().into_iter().map(|(key, totals)| {
        let day = Value::Date(Date(i64::from(key.day) * 86_400_000));
        (vec![Value::Id(key.project.0), day, text(key.model), text(key.status)], Group { totals, durations: None })
    });
    groups.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_from_counters_and_from_columns_are_those_of_a_naive_sum(seed in any::<u64>()) {
        let mut generator = Generator::new(seed);
        let world = random_world(&mut generator);
        let counted = [
            GroupBy::Day,
            GroupBy::Column(Column::ModelName),
            GroupBy::Column(Column::Status),
            GroupBy::Column(Column::ProjectId),
        ];
        for _ in 0..15 {
            let scope = generator.scope();
            let rows = world.rows(scope);
            let (filter, by) = (generator.counted_filter(2), grouping(&mut generator, &counted));
            let limit = generator.pick(&[None, Some(1), Some(2), Some(5)]);
            let expected = naive::stats(&rows, &filter, &by, true);
            let ask = |percentiles| {
                let request = stats_request(scope, filter.clone(), &by, percentiles);
                world.stats(StatsRequest { limit, ..request }).expect("an answer")
            };
            // Percentiles are known to the columns only.
            prop_assert_eq!(&ask(true), &page(&expected, limit), "{:?} by {:?}", filter, by);
            prop_assert_eq!(&ask(false), &page(&totals(&expected), limit), "{:?} by {:?}", filter, by);
            let calls = rows.iter().filter(|row| naive::holds(&filter, row)).count();
            prop_assert_eq!(world.count(scope, filter), calls as u64);
        }
        for _ in 0..15 {
            let scope = generator.scope();
            let (filter, by) = (generator.filter(2), grouping(&mut generator, &GroupBy::ALL));
            let expected = naive::stats(&world.rows(scope), &filter, &by, true);
            let found = world.stats(stats_request(scope, filter.clone(), &by, true)).expect("an answer");
            prop_assert_eq!(&found, &page(&expected, None), "{:?} by {:?}", filter, by);
            let found = world.stats(stats_request(scope, filter.clone(), &by, false)).expect("an answer");
            prop_assert_eq!(&found, &page(&totals(&expected), None), "{:?} by {:?}", filter, by);
        }
    }

    #[test]
    fn counters_advanced_through_updates_deletes_and_merges_are_those_of_the_live_calls(seed in any::<u64>()) {
        let mut generator = Generator::new(seed);
        let mut world = World::new();
        for _ in 0..6 {
            for _ in 0..generator.below(30) {
                let event = generator.event();
                world.apply(event);
            }
            world.commit();
            if generator.below(3) == 0 {
                world.merge();
            }
            let expected = naive_counters(&world);
            let current = world.cell.current().expect("published");
            prop_assert_eq!(&counters(&current), &expected);
            prop_assert_eq!(&counters(&world.fresh_snapshot()), &expected);
        }
    }
}

#[test]
fn part_of_a_day_is_summed_from_the_calls_themselves() {
    let mut world = World::new();
    let day = 86_400_000;
    for (id, at) in [(1, 0), (2, day / 2), (3, day - 1), (4, day)] {
        world.apply(call(id, at, [(Column::TotalTokens, Value::Number(1))]));
    }
    world.commit();
    let within = |lower: (i64, bool), upper: (i64, bool)| {
        let bound = |(at, inclusive)| Some(Bound { value: Value::Date(Date(at)), inclusive });
        let filter = Filter::Range(Column::CreatedAt, Bounds { lower: bound(lower), upper: bound(upper) });
        assert_eq!(
            world
                .stats(stats_request(ReadScope::Project(FIRST), filter.clone(), &[], false))
                .map(|page| page.total.totals.calls),
            Ok(i128::from(world.count(ReadScope::Project(FIRST), filter.clone())))
        );
        world.count(ReadScope::Project(FIRST), filter)
    };
    assert_eq!(within((0, true), (day, false)), 3);
    assert_eq!(within((0, true), (day - 1, true)), 3);
    assert_eq!(within((-1, false), (day, true)), 4);
    assert_eq!(within((1, true), (day, false)), 2);
    assert_eq!(within((0, true), (day - 1, false)), 2);
}

#[test]
fn the_counters_are_not_asked_about_some_partitions_only() {
    let mut world = World::new();
    for id in 0..40 {
        world.apply(call(id, 0, []));
    }
    world.commit();
    let scope = ReadScope::Project(FIRST);
    let parts: Vec<i128> = (0..4)
        .map(|partition| {
            let request = StatsRequest {
                context: of_partitions(scope, [partition]),
                ..stats_request(scope, Filter::everything(), &[], false)
            };
            world.stats(request).expect("an answer").total.totals.calls
        })
        .collect();
    assert_eq!(parts.iter().sum::<i128>(), 40);
    assert!(parts.iter().all(|calls| *calls < 40), "{parts:?}");
}

#[test]
fn many_groups_are_summed_and_long_texts_are_no_groups() {
    let mut world = World::new();
    let calls = 2_000;
    for id in 0..=calls {
        world.apply(call(id, 0, [(Column::UserId, Value::Id(uuid::Uuid::from_u128(id)))]));
    }
    world.commit();
    let by = [GroupBy::Column(Column::UserId)];
    for percentiles in [false, true] {
        let request = stats_request(ReadScope::Project(FIRST), Filter::everything(), &by, percentiles);
        let page = world.stats(request).expect("an answer");
        assert_eq!((page.groups.len() as u128, u128::from(page.count)), (calls + 1, calls + 1));
    }
    let long = [GroupBy::Column(Column::RequestPrompt)];
    let Err(ReadError::Refused { reason }) =
        world.stats(stats_request(ReadScope::Project(FIRST), Filter::everything(), &long, false))
    else {
        panic!("expected a refusal")
    };
    assert!(reason.contains("requestPrompt"), "{reason}");
}

#[test]
fn erased_calls_and_mere_annotations_are_in_no_count() {
    use schemas::event::CallEventType::{Annotated, Erased};
    let mut world = World::new();
    world.apply(call(1, 0, []));
    world.apply(call(2, 0, []));
    world.apply(event(Annotated, FIRST, 3, 0, [(Column::Feature, Value::text("tests"))]));
    world.commit();
    let count = |world: &World| {
        let all = world.count(ReadScope::Project(FIRST), Filter::everything());
        // The same by a filter that the counters can't answer.
        let feature = Filter::Equal(Column::Feature, Value::text("tests"));
        assert_eq!(world.count(ReadScope::Project(FIRST), feature), all);
        let nothing = Filter::Not(Box::new(Filter::Equal(Column::Feature, Value::text("x"))));
        assert_eq!(world.count(ReadScope::EveryProject, nothing), all);
        let rows: Vec<Row> = world.rows(ReadScope::EveryProject);
        assert_eq!(rows.len() as u64, all);
        all
    };
    assert_eq!(count(&world), 2);
    world.apply(event(Erased, FIRST, 1, 0, []));
    world.commit();
    assert_eq!(count(&world), 1);
    world.merge();
    assert_eq!(count(&world), 1);
    world.apply(call(3, 0, []));
    world.apply(call(1, 0, []));
    world.commit();
    assert_eq!(count(&world), 2, "an annotated call appears with its outcome, an erased one never again");
}
