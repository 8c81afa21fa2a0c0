//! Every operator on every kind of column.

use schemas::access::ReadScope;
use schemas::model::Column;
use schemas::money::NanoUsd;
use schemas::query::{Bound, Bounds, Filter};
use schemas::reader::ReadError;
use schemas::time::Date;
use schemas::value::Value;
use uuid::Uuid;

use super::world::{FIRST, World, call};

fn id(number: u128) -> Value {
    Value::Id(Uuid::from_u128(number))
}

/// Three calls that grow in every column, and one without any claim.
fn world() -> World {
    let mut world = World::new();
    let shared = "x".repeat(64);
    let names = ["", "Zebra", "ant"].into_iter().zip(["short", "shorter", "shortest"]);
    for ((model, message), number) in names.zip(1_i64..) {
        let text = format!("{shared}{number}");
        let provider = 100 + u128::try_from(number).expect("positive");
        let claims = [
            (Column::LlmProviderId, id(provider)),
            (Column::ModelName, Value::text(model)),
            (Column::IsGlobalProvider, Value::Boolean(number > 1)),
            (Column::TotalTokens, Value::Number(number)),
            (Column::CostInUsdCents, Value::Cents(NanoUsd(number - 2))),
            (Column::RequestPrompt, Value::text(text)),
            (Column::StatusMessage, Value::text(message)),
            (Column::RequestCompletedAt, Value::Date(Date(number))),
        ];
        world.apply(call(provider - 100, number, claims));
        world.commit();
    }
    world.apply(call(4, 4, [(Column::RequestCompletedAt, Value::Null)]));
    world.commit();
    world
}

fn found(world: &World, filter: Filter) -> Vec<u8> {
    let mut found = world.matching(filter);
    found.sort_unstable();
    found
}

fn range(column: Column, lower: Option<(Value, bool)>, upper: Option<(Value, bool)>) -> Filter {
    let bound = |bound: Option<(Value, bool)>| bound.map(|(value, inclusive)| Bound { value, inclusive });
    Filter::Range(column, Bounds { lower: bound(lower), upper: bound(upper) })
}

/// Ascending values of three calls in a column.
fn columns() -> Vec<(Column, [Value; 3])> {
    let shared = "x".repeat(64);
    vec![
        (Column::Id, [1, 2, 3].map(id)),
        (Column::CreatedAt, [1, 2, 3].map(|at| Value::Date(Date(at)))),
        (Column::LlmProviderId, [101, 102, 103].map(id)),
        (Column::ModelName, ["", "Zebra", "ant"].map(Value::text)),
        (Column::TotalTokens, [1, 2, 3].map(Value::Number)),
        (Column::CostInUsdCents, [-1, 0, 1].map(|nano| Value::Cents(NanoUsd(nano)))),
        (Column::RequestPrompt, ["1", "2", "3"].map(|end| Value::text(format!("{shared}{end}")))),
        (Column::StatusMessage, ["short", "shorter", "shortest"].map(Value::text)),
        (Column::RequestCompletedAt, [1, 2, 3].map(|at| Value::Date(Date(at)))),
    ]
}

#[test]
fn equality_lists_and_ranges_hold_on_every_kind_of_column() {
    let world = world();
    for (column, [first, second, third]) in columns() {
        // The call without claims has defaults: the cost is 0. Its id and date are after the others'.
        let only = |ids: &[u8]| -> Vec<u8> { ids.to_vec() };
        let zero_cost = column == Column::CostInUsdCents;
        let beyond = matches!(column, Column::Id | Column::CreatedAt);
        let with = |ids: &[u8], fourth: bool| [ids, if fourth { &[4] } else { &[] }].concat();
        assert_eq!(found(&world, Filter::Equal(column, second.clone())), with(&[2], zero_cost), "{column:?}");
        let either = Filter::OneOf(column, vec![third.clone(), first.clone(), third.clone()]);
        assert_eq!(found(&world, either), only(&[1, 3]), "{column:?}");
        assert_eq!(found(&world, Filter::OneOf(column, Vec::new())), only(&[]), "{column:?}");
        let from = |inclusive| range(column, Some((second.clone(), inclusive)), None);
        assert_eq!(found(&world, from(true)), with(&[2, 3], zero_cost || beyond), "{column:?}");
        assert_eq!(found(&world, from(false)), with(&[3], beyond), "{column:?}");
        let to = |inclusive| range(column, None, Some((second.clone(), inclusive)));
        let zero_tokens = column == Column::TotalTokens;
        assert_eq!(found(&world, to(true)), with(&[1, 2], zero_cost || zero_tokens), "{column:?}");
        assert_eq!(found(&world, to(false)), with(&[1], zero_tokens), "{column:?}");
        let both = range(column, Some((first.clone(), false)), Some((third.clone(), false)));
        assert_eq!(found(&world, both), with(&[2], zero_cost), "{column:?}");
        let turned = range(column, Some((third, true)), Some((first, true)));
        assert_eq!(found(&world, turned), only(&[]), "{column:?}");
    }
}

#[test]
fn a_condition_on_null_does_not_hold_and_its_opposite_does() {
    let world = world();
    for column in [Column::LlmProviderId, Column::ModelName, Column::RequestPrompt, Column::RequestCompletedAt] {
        assert_eq!(found(&world, Filter::Null(column)), [4], "{column:?}");
        assert_eq!(found(&world, Filter::Not(Box::new(Filter::Null(column)))), [1, 2, 3], "{column:?}");
        assert_eq!(found(&world, range(column, None, None)), [1, 2, 3], "{column:?}");
    }
    let not_empty = Filter::Not(Box::new(Filter::Equal(Column::ModelName, Value::text(""))));
    assert_eq!(found(&world, not_empty), [2, 3, 4]);
    for column in [Column::DeletedAt, Column::DeletedByUserId] {
        assert_eq!(found(&world, Filter::Null(column)), [1, 2, 3, 4], "{column:?}");
    }
    assert_eq!(found(&world, Filter::Null(Column::Id)), [] as [u8; 0]);
}

#[test]
fn defaults_are_values_like_others() {
    let world = world();
    assert_eq!(found(&world, Filter::Equal(Column::IsGlobalProvider, Value::Boolean(false))), [1, 4]);
    assert_eq!(found(&world, Filter::Equal(Column::WasBilled, Value::Boolean(false))), [1, 2, 3, 4]);
    assert_eq!(found(&world, Filter::Equal(Column::TotalTokens, Value::Number(0))), [4]);
    assert_eq!(found(&world, Filter::Null(Column::TotalTokens)), [] as [u8; 0]);
}

#[test]
fn ids_are_found_alike_in_one_project_and_in_all() {
    let world = world();
    let filters = [
        Filter::Equal(Column::Id, id(2)),
        Filter::OneOf(Column::Id, vec![id(3), id(9), id(1)]),
        range(Column::Id, Some((id(2), true)), Some((id(1 << 64), true))),
    ];
    for (filter, count) in filters.into_iter().zip([1, 2, 3]) {
        assert_eq!(world.count(ReadScope::Project(FIRST), filter.clone()), count);
        assert_eq!(world.count(ReadScope::EveryProject, filter), count);
    }
}

#[test]
fn empty_lists_of_conditions_hold_always_and_never() {
    let world = world();
    assert_eq!(found(&world, Filter::everything()), [1, 2, 3, 4]);
    assert_eq!(found(&world, Filter::nothing()), [] as [u8; 0]);
    assert_eq!(found(&world, Filter::Not(Box::new(Filter::nothing()))), [1, 2, 3, 4]);
    assert_eq!(found(&world, Filter::Not(Box::new(Filter::everything()))), [] as [u8; 0]);
}

#[test]
fn values_that_a_column_can_not_hold_are_refused() {
    let world = world();
    for filter in [
        Filter::Equal(Column::TotalTokens, Value::text("many")),
        Filter::OneOf(Column::Id, vec![Value::Number(1)]),
        range(Column::CreatedAt, Some((Value::Number(1), true)), None),
        range(Column::TotalTokens, Some((Value::Null, true)), None),
        Filter::Null(Column::Project),
    ] {
        let refused = world.try_count(ReadScope::Project(FIRST), filter.clone());
        assert!(matches!(refused, Err(ReadError::Refused { .. })), "{filter:?}: {refused:?}");
    }
}
