//! The calls that were published already, of which some are annotated later.

use rand::RngExt as _;
use rand::rngs::StdRng;
use schemas::event::{CallData, CallEventType};
use schemas::id::CallId;
use schemas::model::Column;
use schemas::money::NanoUsd;
use schemas::time::Timestamp;
use schemas::value::Value;

use super::calls::SOURCE;
use crate::plain_event::Envelope;

/// Calls that are remembered. Of more than that a sample is, in which each is as likely to be, whatever its age.
const REMEMBERED: usize = 1_000_000;
/// Greatest cost that an annotation tells, in nano-dollars.
const COST_NANO_USD: i64 = 50_000_000;

#[derive(Debug)]
pub(super) struct Past {
    /// How many annotations there are for each call.
    share: f64,
    calls: Vec<CallId>,
    published: usize,
    annotated: u64,
}

/// What becomes known of a call after it is over.
#[derive(Debug)]
pub(super) struct Annotation {
    call: CallId,
    number: u64,
    cost: NanoUsd,
}

impl Past {
    pub(super) fn new(share: f64) -> Self {
        Self { share, calls: Vec::new(), published: 0, annotated: 0 }
    }

    /// Remembers a call that is published now. For some there is a call of those before to annotate.
    pub(super) fn publish(&mut self, call: CallId, random: &mut StdRng) -> Option<Annotation> {
        if self.share == 0.0 {
            return None;
        }
        let annotation = self.annotation(random);
        self.published += 1;
        if self.calls.len() < REMEMBERED {
            self.calls.push(call);
        } else if let Some(forgotten) = self.calls.get_mut(random.random_range(0..self.published)) {
            *forgotten = call;
        }
        annotation
    }

    fn annotation(&mut self, random: &mut StdRng) -> Option<Annotation> {
        if self.calls.is_empty() || !random.random_bool(self.share) {
            return None;
        }
        let call = *self.calls.get(random.random_range(0..self.calls.len()))?;
        self.annotated += 1;
        Some(Annotation { call, number: self.annotated, cost: NanoUsd(random.random_range(0..=COST_NANO_USD)) })
    }
}

impl Annotation {
    pub(super) fn event(&self, now: Timestamp) -> Vec<u8> {
        let mut data = CallData::default();
        data.claim(Column::CostInUsdCents, Value::Cents(self.cost));
        data.claim(Column::WasBilled, Value::Boolean(true));
        let id = format!("{}-annotated-{}", self.call, self.number);
        Envelope { id: &id, source: SOURCE, event_type: CallEventType::Annotated, call: self.call, time: now }
            .json(&data)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use schemas::event::decode_structured;
    use uuid::Uuid;

    use super::*;

    fn call(number: u128) -> CallId {
        CallId(Uuid::from_u128(number))
    }

    #[test]
    fn the_share_of_calls_is_annotated_at_every_age() {
        let (mut past, mut random) = (Past::new(0.25), StdRng::seed_from_u64(1));
        let calls = 40_000_u128;
        let annotated: Vec<(u128, u128)> = (0..calls)
            .filter_map(|number| Some((number, past.publish(call(number), &mut random)?.call.0.as_u128())))
            .collect();
        let share = annotated.len() * 1000 / 40_000;
        assert!((240..=260).contains(&share), "{share} of a thousand");
        assert!(annotated.iter().all(|(now, annotated)| annotated < now));
        // Of the annotations of the second half of the run, half or more are of calls of the first.
        let late: Vec<_> = annotated.iter().filter(|(now, _)| *now >= calls / 2).collect();
        let of_first_half = late.iter().filter(|(_, annotated)| *annotated < calls / 2).count();
        assert!(of_first_half * 2 > late.len() && of_first_half < late.len(), "{of_first_half} of {}", late.len());
    }

    #[test]
    fn without_a_share_nothing_is_annotated_and_no_random_number_taken() {
        let (mut past, mut random) = (Past::new(0.0), StdRng::seed_from_u64(1));
        assert!((0..100).all(|number| past.publish(call(number), &mut random).is_none()));
        assert_eq!(random, StdRng::seed_from_u64(1));
    }

    #[test]
    fn an_annotation_is_an_event_that_ingest_takes() {
        let (mut past, mut random) = (Past::new(1.0), StdRng::seed_from_u64(1));
        assert!(past.publish(call(1), &mut random).is_none(), "there is no call before the first");
        let ids = [2, 3].map(|number| {
            let annotation = past.publish(call(number), &mut random).expect("always one");
            let event = decode_structured(&annotation.event(Timestamp(5))).expect("valid");
            assert_eq!((event.event_type, event.call), (CallEventType::Annotated, Some(annotation.call)));
            assert_eq!(event.data.claimed(Column::CostInUsdCents), Some(&Value::Cents(annotation.cost)));
            event.id
        });
        assert_ne!(ids[0], ids[1]);
    }
}
