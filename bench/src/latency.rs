//! How long things took.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Greatest time that is told exactly, in microseconds: ten minutes.
const GREATEST_US: u64 = 600_000_000;

/// Times, to three digits.
#[derive(Debug, Clone)]
pub(crate) struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, GREATEST_US, 3).expect("the bounds are valid"))
    }
}

impl Latency {
    pub(crate) fn record(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(us.clamp(1, GREATEST_US));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// In milliseconds, the time that this share of all took at most.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of ten minutes fit a double")]
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1000.0
    }

    pub(crate) fn p50_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }

    pub(crate) fn p99_ms(&self) -> f64 {
        self.quantile_ms(0.99)
    }

    /// The rest in a few words.
    pub(crate) fn told(&self) -> String {
        format!("p50 {:.2} ms, at most {:.1} ms, of {}", self.p50_ms(), self.quantile_ms(1.0), self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_milliseconds() {
        let mut latency = Latency::default();
        (1..=100).for_each(|ms| latency.record(Duration::from_millis(ms)));
        let mut more = Latency::default();
        more.record(Duration::ZERO);
        latency.add(&more);
        assert_eq!(latency.len(), 101);
        assert!((latency.p50_ms() - 50.0).abs() < 0.1 && (latency.p99_ms() - 99.0).abs() < 0.1, "{}", latency.told());
    }
}
