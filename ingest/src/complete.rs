//! Completing an event: what it may lack, and what it may not have.

use schemas::event::{CallEvent, IncomingEvent};
use schemas::id::{CallId, CallKey, ProjectId};
use schemas::limits::CLOCK_AHEAD;
use schemas::time::{Date, Timestamp};

/// What an event gets when it has none of its own.
pub(crate) trait Missing {
    fn call_id(&mut self) -> CallId;
    fn event_id(&mut self) -> Box<str>;
    fn source(&mut self) -> Box<str>;
}

/// The complete event. `taken_at` is when ingest received it, or when the inbox did.
pub(crate) fn complete(
    event: IncomingEvent,
    project: ProjectId,
    taken_at: Timestamp,
    missing: &mut dyn Missing,
) -> CallEvent {
    let mut clock = ProducerClock::new(taken_at);
    let mut data = event.data;
    data.created_at = data.created_at.map(|date| clock.date(date));
    data.updated_at = data.updated_at.map(|date| clock.date(date));
    let time = event.time.map_or(taken_at, |time| clock.time(time));
    if clock.ran_ahead {
        metrics::counter!("llm_log_ingest_clocks_ahead_total").increment(1);
    }
    for column in data.cut_long_texts() {
        metrics::counter!("llm_log_ingest_texts_cut_total", "column" => column.name()).increment(1);
    }
    CallEvent {
        id: event.id.unwrap_or_else(|| missing.event_id()),
        source: event.source.unwrap_or_else(|| missing.source()),
        event_type: event.event_type,
        key: CallKey { project, call: event.call.unwrap_or_else(|| missing.call_id()) },
        time,
        extensions: event.extensions,
        data,
    }
}

/// A producer's clock may run a little ahead; beyond that, the time of receipt counts.
struct ProducerClock {
    taken_at: Timestamp,
    latest: Timestamp,
    ran_ahead: bool,
}

impl ProducerClock {
    fn new(taken_at: Timestamp) -> Self {
        let ahead = i64::try_from(CLOCK_AHEAD.as_micros()).unwrap_or(i64::MAX);
        Self { taken_at, latest: Timestamp(taken_at.0.saturating_add(ahead)), ran_ahead: false }
    }

    fn time(&mut self, time: Timestamp) -> Timestamp {
        let ahead = time > self.latest;
        self.ran_ahead |= ahead;
        if ahead { self.taken_at } else { time }
    }

    fn date(&mut self, date: Date) -> Date {
        let ahead = date > self.latest.date();
        self.ran_ahead |= ahead;
        if ahead { self.taken_at.date() } else { date }
    }
}

#[cfg(test)]
mod tests {
    use schemas::event::decode_structured;
    use schemas::model::Column;
    use uuid::Uuid;

    use super::*;

    struct Fixed;

    impl Missing for Fixed {
        fn call_id(&mut self) -> CallId {
            CallId(Uuid::from_u128(7))
        }

        fn event_id(&mut self) -> Box<str> {
            "made".into()
        }

        fn source(&mut self) -> Box<str> {
            "here".into()
        }
    }

    fn completed(json: &str) -> CallEvent {
        let event = decode_structured(json.as_bytes()).expect("valid");
        let taken_at = Timestamp::parse("2026-03-01T06:00:00.5Z").expect("valid");
        complete(event, ProjectId(Uuid::from_u128(1)), taken_at, &mut Fixed)
    }

    #[test]
    fn what_is_missing_is_filled_in() {
        let event = completed(r#"{"status":"Success"}"#);
        assert_eq!((&*event.id, &*event.source), ("made", "here"));
        assert_eq!(event.key.call, CallId(Uuid::from_u128(7)));
        assert_eq!(event.key.project, ProjectId(Uuid::from_u128(1)));
        assert_eq!(event.time.to_string(), "2026-03-01T06:00:00.500Z");
    }

    #[test]
    fn what_is_there_is_kept() {
        let event = completed(
            r#"{"specversion":"1.0","id":"own","source":"them","type":"llm-log.call.started","time":"2020-01-01T00:00:00Z",
                "subject":"67e55044-10b1-426f-9247-bb680e5fe0c8","data":{}}"#,
        );
        assert_eq!((&*event.id, &*event.source), ("own", "them"));
        assert_eq!(event.key.call.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert_eq!(event.time.to_string(), "2020-01-01T00:00:00Z");
    }

    #[test]
    fn a_clock_may_run_five_minutes_ahead_and_no_more() {
        let ahead = |time: &str| {
            completed(&format!(
                r#"{{"specversion":"1.0","source":"s","type":"llm-log.call.started","time":"{time}",
                    "data":{{"createdAt":"{time}","updatedAt":"{time}"}}}}"#
            ))
        };
        let just = ahead("2026-03-01T06:05:00.5Z");
        assert_eq!(just.time.to_string(), "2026-03-01T06:05:00.500Z");
        assert_eq!(just.data.created_at, Some(just.time.date()));
        let over = ahead("2026-03-01T06:05:00.501Z");
        assert_eq!(over.time.to_string(), "2026-03-01T06:00:00.500Z");
        assert_eq!(over.data.created_at, Some(over.time.date()));
        assert_eq!(over.data.updated_at, Some(over.time.date()));
    }

    #[test]
    fn over_long_text_is_cut_with_a_mark() {
        let event = completed(&format!(r#"{{"status":"Success","feature":"{}"}}"#, "x".repeat(501)));
        let feature = event.data.claimed(Column::Feature).and_then(|value| value.as_text()).expect("claimed");
        assert!(feature.chars().count() == 500 && feature.ends_with("[cut: 501 bytes in all]"), "{feature}");
    }
}
