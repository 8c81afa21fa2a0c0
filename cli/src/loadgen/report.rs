//! What came of the made-up calls.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Greatest time that is told exactly, in microseconds: ten minutes.
const GREATEST_US: u64 = 600_000_000;
/// Kinds of failures that are told.
const KINDS: usize = 10;

#[derive(Debug)]
pub(super) struct Report(Mutex<Books>);

#[derive(Debug)]
struct Books {
    acknowledged: u64,
    failed: u64,
    /// From the moment that an event was due to its acknowledgement, in microseconds.
    times: Histogram<u64>,
    reasons: BTreeMap<String, u64>,
}

impl Default for Report {
    fn default() -> Self {
        let times = Histogram::new_with_bounds(1, GREATEST_US, 3).expect("the bounds are valid");
        Self(Mutex::new(Books { acknowledged: 0, failed: 0, times, reasons: BTreeMap::new() }))
    }
}

impl Report {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn acknowledged(&self, events: usize, after: Duration) {
        let mut books = self.books();
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        books.acknowledged += events;
        let after_us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX).clamp(1, GREATEST_US);
        books.times.saturating_record_n(after_us, events);
    }

    pub(super) fn failed(&self, events: usize, reason: String) {
        let mut books = self.books();
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        books.failed += events;
        if books.reasons.len() < KINDS || books.reasons.contains_key(&reason) {
            *books.reasons.entry(reason).or_default() += events;
        }
    }

    pub(super) fn has_failures(&self) -> bool {
        self.books().failed > 0
    }

    pub(super) fn tell(&self, took: Duration) -> String {
        let books = self.books();
        let seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let (rate, ms) = (books.acknowledged as f64 / seconds.max(0.001), |quantile| {
            books.times.value_at_quantile(quantile) as f64 / 1000.0
        });
        let sent = books.acknowledged + books.failed;
        let mut text = format!(
            "events sent {sent}, acknowledged {}, failed {}, in {seconds:.1} s ({rate:.0} a second)",
            books.acknowledged, books.failed
        );
        if books.acknowledged > 0 {
            let (p50, p99, greatest) = (ms(0.5), ms(0.99), ms(1.0));
            write!(text, "\nacknowledged after p50 {p50:.1} ms, p99 {p99:.1} ms, at most {greatest:.1} ms")
                .expect("a String takes every write");
        }
        for (reason, events) in &books.reasons {
            write!(text, "\nfailed: {events}: {reason}").expect("a String takes every write");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_tells_times_and_failures() {
        let report = Report::default();
        for ms in 1..=100 {
            report.acknowledged(2, Duration::from_millis(ms));
        }
        report.failed(3, "busy".into());
        report.failed(1, "busy".into());
        assert!(report.has_failures());
        insta::assert_snapshot!(report.tell(Duration::from_secs(10)), @r"
        events sent 204, acknowledged 200, failed 4, in 10.0 s (20 a second)
        acknowledged after p50 50.0 ms, p99 99.0 ms, at most 100.0 ms
        failed: 4: busy
        ");
    }
}
