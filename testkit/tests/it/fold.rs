//! The fold over made-up histories.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use schemas::event::CallEvent;
use schemas::fold::CallState;
use schemas::id::ProjectId;
use testkit::Generator;
use xxhash_rust::xxh3::xxh3_128;

/// The state that a record of the log makes.
fn state(value: &[u8]) -> CallState {
    let event = CallEvent::decode(value).expect("a generated event is complete and valid");
    CallState::of(event, xxh3_128(value))
}

fn fold<'a>(values: impl IntoIterator<Item = &'a Vec<u8>>) -> Option<CallState> {
    values.into_iter().map(|value| state(value)).reduce(joined)
}

fn joined(mut one: CallState, other: CallState) -> CallState {
    one.merge(other);
    one
}

#[test]
fn any_order_repetition_and_split_of_a_history_folds_to_the_same_bytes() {
    let mut random = StdRng::seed_from_u64(7);
    let mut generator = Generator::new(7);
    for _ in 0..400 {
        let history = generator.history(ProjectId::of_name("folded"));
        let values: Vec<Vec<u8>> = history.iter().map(CallEvent::encode).collect();
        let Some(expected) = fold(&values) else { continue };
        for _ in 0..16 {
            let mut other = values.clone();
            for value in &values {
                other.extend((0..random.random_range(0..3)).map(|_| value.clone()));
            }
            other.shuffle(&mut random);
            let (left, right) = other.split_at(random.random_range(0..=other.len()));
            let split = [fold(left), fold(right)].into_iter().flatten().reduce(joined).expect("one half has events");
            assert_eq!(split.encode(), expected.encode(), "{history:#?}");
        }
    }
}

#[test]
fn a_repeated_event_changes_nothing() {
    let mut generator = Generator::new(8);
    for event in generator.histories(ProjectId::of_name("folded"), 200) {
        let value = event.encode();
        let mut once = state(&value);
        assert!(!once.merge(state(&value)).changed, "{event:#?}");
    }
}
