//! The events of a corpus, as a log holds them.

use std::collections::VecDeque;

use anyhow::Result;
use schemas::event::{CallData, CallEvent, CallEventType, KNOWN_AT_START};
use schemas::model::Column;
use schemas::money::NanoUsd;
use schemas::time::{Date, Timestamp};
use schemas::value::Value;
use uuid::Uuid;

use super::{Call, Corpus, Patterns, hash, share};

const SOURCE: &str = "llm-log-bench";
/// Calls that are published between a call's start and its end, at most: five seconds' worth at 1 000 a second.
const RUNNING: u64 = 5000;
/// The share of calls that is annotated later.
const ANNOTATED: f64 = 0.01;

/// How calls are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Each by one event.
    Recorded,
    /// Half of them as started and, thousands of calls later, completed or failed; one in a hundred is annotated at any
    /// age.
    Updated,
}

/// The events in the order of the log.
#[derive(Debug)]
pub(crate) struct Events {
    corpus: Corpus,
    patterns: Patterns,
    mix: Mix,
    next: u64,
    /// Ends of calls that run, with the number of the call before which each comes.
    running: VecDeque<(u64, CallEvent)>,
    ready: VecDeque<CallEvent>,
}

impl Events {
    pub(super) fn new(corpus: &Corpus, mix: Mix) -> Result<Self> {
        let patterns = corpus.patterns()?;
        Ok(Self { corpus: corpus.clone(), patterns, mix, next: 0, running: VecDeque::new(), ready: VecDeque::new() })
    }

    /// Makes the events of the next call ready, and those that fall due before it. Says whether there was one.
    fn advance(&mut self) -> Result<bool> {
        if self.next == self.corpus.calls() {
            return Ok(false);
        }
        let number = self.next;
        self.next += 1;
        let Some(pattern) = self.patterns.next() else { return Ok(false) };
        let call = self.corpus.call(number, pattern?);
        while let Some((_, event)) = self.running.pop_front_if(|(due, _)| *due <= number) {
            self.ready.push_back(event);
        }
        if self.mix == Mix::Recorded {
            self.ready.push_back(recorded(&call));
            return Ok(true);
        }
        if hash(number, 5).is_multiple_of(2) {
            self.ready.push_back(started(&call));
            let running = RUNNING.min(self.corpus.calls() / 10);
            self.running.push_back((number + running, ended(&call)));
        } else {
            self.ready.push_back(recorded(&call));
        }
        if number > 0 && share(number, 6) < ANNOTATED {
            self.ready.push_back(self.annotated(hash(number, 7) % number, call.created));
        }
        Ok(true)
    }

    fn annotated(&self, number: u64, now: Date) -> CallEvent {
        let mut data = CallData::default();
        let cost = i64::try_from(hash(number, 8) % 50_000_000).unwrap_or_default();
        data.claim(Column::CostInUsdCents, Value::Cents(NanoUsd(cost)));
        data.claim(Column::WasBilled, Value::Boolean(true));
        if hash(number, 9).is_multiple_of(3) {
            data.claim(Column::IncidentId, Value::Id(Uuid::from_u128(u128::from(hash(number, 10) % 5000))));
        }
        let call = Call { number, key: self.corpus.key(number), created: now, data };
        event(&call, CallEventType::Annotated, now, call.data.clone())
    }
}

impl Iterator for Events {
    type Item = Result<CallEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return self.running.pop_front().map(|(_, event)| Ok(event)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The call as one event.
pub(crate) fn recorded(call: &Call) -> CallEvent {
    let mut data = call.data.clone();
    if data.claimed(Column::Status).is_none_or(Value::is_null) {
        data.claim(Column::Status, Value::text("Success"));
    }
    event(call, CallEventType::Recorded, call.created, data)
}

fn started(call: &Call) -> CallEvent {
    let mut data = CallData::default();
    for (column, value) in call.data.claims() {
        if KNOWN_AT_START.contains(column) {
            data.claim(*column, value.clone());
        }
    }
    data.created_at = Some(call.created);
    event(call, CallEventType::Started, call.created, data)
}

fn ended(call: &Call) -> CallEvent {
    let mut data = CallData::default();
    for (column, value) in call.data.claims() {
        if !KNOWN_AT_START.contains(column) {
            data.claim(*column, value.clone());
        }
    }
    let succeeded = matches!(data.claimed(Column::Status).and_then(Value::as_text), None | Some("Success"));
    let event_type = if succeeded { CallEventType::Completed } else { CallEventType::Failed };
    event(call, event_type, call.created, data)
}

fn event(call: &Call, event_type: CallEventType, time: Date, data: CallData) -> CallEvent {
    CallEvent {
        id: format!("{}-{}", call.key.call, event_type.name()).into(),
        source: SOURCE.into(),
        event_type,
        key: call.key,
        time: Timestamp::from_millis(time.0),
        extensions: Vec::new(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use schemas::event::decode_structured;

    use super::*;

    fn events(mix: Mix, calls: u64) -> Vec<CallEvent> {
        let corpus = Corpus::new(None, calls, Date(1_760_000_000_000));
        corpus.events(mix).expect("no file").map(|event| event.expect("no file")).collect()
    }

    #[test]
    fn every_event_is_one_that_ingest_takes_and_that_the_log_reads() {
        for mix in [Mix::Recorded, Mix::Updated] {
            for event in events(mix, 300) {
                let value = event.encode();
                assert_eq!(CallEvent::decode(&value).expect("complete"), event);
                decode_structured(&value).expect("valid");
            }
        }
    }

    #[test]
    fn half_of_the_updated_calls_end_after_they_started_and_one_in_a_hundred_is_annotated() {
        let events = events(Mix::Updated, 4000);
        let mut places: HashMap<CallEventType, usize> = HashMap::new();
        let mut started = HashMap::new();
        for (at, event) in events.iter().enumerate() {
            *places.entry(event.event_type).or_default() += 1;
            match event.event_type {
                CallEventType::Started => drop(started.insert(event.key, at)),
                CallEventType::Completed | CallEventType::Failed => {
                    assert!(at > started.remove(&event.key).expect("it has started"));
                }
                _ => {}
            }
        }
        assert!(started.is_empty(), "every call that started ends");
        let count = |event_type| places.get(&event_type).copied().unwrap_or_default();
        assert!((1900..2100).contains(&count(CallEventType::Started)), "{places:?}");
        assert!((1900..2100).contains(&count(CallEventType::Recorded)), "{places:?}");
        assert!((20..70).contains(&count(CallEventType::Annotated)), "{places:?}");
    }
}
