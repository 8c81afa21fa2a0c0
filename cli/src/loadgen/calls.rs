//! Calls like those of a file, or like the samples, each with an id of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use schemas::event::{CallData, CallEventType, KNOWN_AT_START};
use schemas::id::CallId;
use schemas::model::Column;
use schemas::time::{Date, Timestamp};
use schemas::value::Value;
use uuid::Builder;

use crate::import::{LineText, open_lines};
use crate::plain_event::{Envelope, read_object};
use crate::samples;

/// The source of made-up events.
pub(super) const SOURCE: &str = "llm-log-loadgen";
/// Calls of a file that are used, again and again.
const FILE_CALLS: usize = 10_000;
/// How long a call takes when its pattern does not say.
const DURATION_MS: i64 = 1500;
/// Patterns of calls.
#[derive(Debug)]
pub(super) struct Calls {
    patterns: Vec<CallData>,
    next: usize,
}

/// A call to publish.
#[derive(Debug)]
pub(super) struct Call {
    id: CallId,
    data: CallData,
    duration_ms: i64,
}

impl Calls {
    pub(super) fn of_samples() -> Self {
        Self { patterns: samples::calls().map(|(_, call)| call.data).collect(), next: 0 }
    }

    pub(super) fn of_file(path: &Path) -> anyhow::Result<Self> {
        let mut patterns = Vec::new();
        for line in open_lines(std::fs::File::open(path)?)?.take(FILE_CALLS) {
            let line = line?;
            let LineText::Bytes(bytes) = line.text else { bail!("line {} is too long", line.number) };
            match read_object(&bytes) {
                Ok(object) => patterns.push(object.data),
                Err(error) => bail!("line {}: {error}", line.number),
            }
        }
        if patterns.is_empty() {
            bail!("it has no calls");
        }
        Ok(Self { patterns, next: 0 })
    }

    /// The next pattern with an id and figures of its own.
    pub(super) fn next(&mut self, random: &mut StdRng) -> Call {
        let mut data = self.patterns.get(self.next).cloned().unwrap_or_default();
        self.next = (self.next + 1) % self.patterns.len().max(1);
        let mut id = [0; 16];
        random.fill_bytes(&mut id);
        // Dates are those of publishing.
        (data.created_at, data.updated_at, data.version) = (None, None, None);
        for column in [Column::TotalTokens, Column::CompletionTokens] {
            if let Some(Value::Number(tokens)) = data.claimed(column) {
                let tokens = tokens.saturating_mul(random.random_range(80..=120)) / 100;
                data.claim(column, Value::Number(tokens));
            }
        }
        let pattern_ms = match data.claimed(Column::DurationMs) {
            Some(Value::Number(duration_ms)) => *duration_ms,
            _ => DURATION_MS,
        };
        let duration_ms = pattern_ms.clamp(1, 60_000).saturating_mul(random.random_range(50..=150)) / 100;
        Call { id: CallId(Builder::from_random_bytes(id).into_uuid()), data, duration_ms: duration_ms.max(1) }
    }
}

impl Call {
    pub(super) fn id(&self) -> CallId {
        self.id
    }

    pub(super) fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms.unsigned_abs())
    }

    /// The call as one event, at its end.
    pub(super) fn recorded(&self, now: Timestamp) -> Vec<u8> {
        let mut data = self.data.clone();
        if data.claimed(Column::Status).is_none_or(Value::is_null) {
            data.claim(Column::Status, Value::text("Success"));
        }
        let end = now.date();
        set_dates(&mut data, Date(end.0 - self.duration_ms), end);
        data.claim(Column::DurationMs, Value::Number(self.duration_ms));
        self.event(CallEventType::Recorded, "recorded", now, &data)
    }

    /// The call at its start.
    pub(super) fn started(&self, now: Timestamp) -> Vec<u8> {
        let mut data = CallData::default();
        for column in KNOWN_AT_START {
            if let Some(value) = self.data.claimed(column) {
                data.claim(column, value.clone());
            }
        }
        data.claim(Column::RequestStartedAt, Value::Date(now.date()));
        self.event(CallEventType::Started, "started", now, &data)
    }

    /// The call at its end, after it was started.
    pub(super) fn ended(&self, started: Timestamp, now: Timestamp) -> Vec<u8> {
        let mut data = CallData::default();
        for (column, value) in self.data.claims() {
            if !KNOWN_AT_START.contains(column) {
                data.claim(*column, value.clone());
            }
        }
        set_dates(&mut data, started.date(), now.date());
        data.claim(Column::DurationMs, Value::Number((now.date().0 - started.date().0).max(0)));
        // A pattern that still runs ends well here.
        let outcome = data.claimed(Column::Status).and_then(Value::as_text).map(str::to_owned);
        if matches!(outcome.as_deref(), None | Some("Success" | "Running")) {
            data.claim(Column::Status, Value::text("Success"));
            self.event(CallEventType::Completed, "completed", now, &data)
        } else {
            self.event(CallEventType::Failed, "failed", now, &data)
        }
    }

    fn event(&self, event_type: CallEventType, name: &str, time: Timestamp, data: &CallData) -> Vec<u8> {
        let id = format!("{}-{name}", self.id);
        Envelope { id: &id, source: SOURCE, event_type, call: self.id, time }.json(data)
    }
}

fn set_dates(data: &mut CallData, started: Date, completed: Date) {
    data.claim(Column::RequestStartedAt, Value::Date(started));
    data.claim(Column::RequestCompletedAt, Value::Date(completed));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;
    use schemas::event::decode_structured;

    use super::*;

    #[test]
    fn every_made_up_event_is_one_that_ingest_takes() {
        let mut calls = Calls::of_samples();
        let mut random = StdRng::seed_from_u64(1);
        let now = Timestamp::parse("2026-03-01T06:00:00.5Z").expect("valid");
        let mut ids = BTreeSet::new();
        for _ in 0..calls.patterns.len() + 5 {
            let call = calls.next(&mut random);
            ids.insert(call.id);
            let end = Timestamp(now.0 + call.duration_ms * 1000);
            for event in [call.recorded(now), call.started(now), call.ended(now, end)] {
                let event = decode_structured(&event).expect("valid");
                assert_eq!(event.call, Some(call.id));
            }
        }
        assert_eq!(ids.len(), calls.patterns.len() + 5);
    }

    #[test]
    fn the_same_seed_makes_the_same_calls() {
        let made = |seed| {
            let mut random = StdRng::seed_from_u64(seed);
            Calls::of_samples().next(&mut random).recorded(Timestamp(0))
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
    }
}
