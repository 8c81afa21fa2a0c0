//! Instants as events and columns carry them.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, SecondsFormat, Timelike as _, Utc};
use serde::{Deserialize, Serialize};

/// A text that is not an RFC 3339 instant of the years 1 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an RFC 3339 date and time such as \"2026-03-01T06:00:00.123Z\"")]
pub struct NotAnInstant;

/// An event's time, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A date of a call, in milliseconds since 1970: what the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(pub i64);

fn parse(text: &str) -> Result<DateTime<Utc>, NotAnInstant> {
    let instant = DateTime::parse_from_rfc3339(text.trim()).map_err(|_| NotAnInstant)?.to_utc();
    // A leap second is the second after it from here on.
    let instant = DateTime::from_timestamp_micros(instant.timestamp_micros()).ok_or(NotAnInstant)?;
    if is_valid(Some(instant)) { Ok(instant) } else { Err(NotAnInstant) }
}

/// Whether the text of this instant can be read again.
fn is_valid(instant: Option<DateTime<Utc>>) -> bool {
    instant.is_some_and(|instant| (1..=9999).contains(&instant.year()))
}

impl Timestamp {
    /// Whether it is in the years 1 to 9999, as every instant that was read is.
    pub fn is_valid(self) -> bool {
        is_valid(DateTime::from_timestamp_micros(self.0))
    }

    pub fn parse(text: &str) -> Result<Self, NotAnInstant> {
        parse(text).map(|instant| Self(instant.timestamp_micros()))
    }

    pub fn of(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp_micros())
    }

    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// The millisecond that this instant falls in.
    pub fn date(self) -> Date {
        Date(self.0.div_euclid(1000))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        f.write_str(&instant.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Date {
    /// Whether it is in the years 1 to 9999, as every date that was read is.
    pub fn is_valid(self) -> bool {
        is_valid(DateTime::from_timestamp_millis(self.0))
    }

    pub fn parse(text: &str) -> Result<Self, NotAnInstant> {
        parse(text).map(|instant| Self(instant.timestamp_millis()))
    }

    /// Writes the date as Postgres casts it to a text in a session of UTC: no fraction when it is zero, and none
    /// of its zeros at the end.
    pub(crate) fn write_as_postgres(self, text: &mut impl fmt::Write) -> fmt::Result {
        let instant = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        let (year, month, day) = (instant.year(), instant.month(), instant.day());
        let (hour, minute, second) = (instant.hour(), instant.minute(), instant.second());
        write!(text, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")?;
        match instant.timestamp_subsec_millis() {
            0 => {}
            millis if millis % 100 == 0 => write!(text, ".{}", millis / 100)?,
            millis if millis % 10 == 0 => write!(text, ".{:02}", millis / 10)?,
            millis => write!(text, ".{millis:03}")?,
        }
        text.write_str("+00")
    }

    /// The UTC day that this instant falls in, in days since 1970.
    pub fn day(self) -> i32 {
        i32::try_from(self.0.div_euclid(86_400_000)).unwrap_or(i32::MAX)
    }
}

impl fmt::Display for Date {
    /// Always three digits of milliseconds and `Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        f.write_str(&instant.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Tells the time. Passed in wherever time matters, so that tests can set it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    pub fn system() -> Self {
        Self::new(|| Timestamp::of(Utc::now()))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_cut_to_the_millisecond_and_shown_with_three_digits() {
        let date = Date::parse("2026-03-01T07:00:00.1239+01:00").expect("valid");
        assert_eq!(date.to_string(), "2026-03-01T06:00:00.123Z");
        assert_eq!(Date::parse("1969-12-31T23:59:59.9999Z").expect("valid"), Date(-1));
        assert_eq!(Timestamp::parse("1969-12-31T23:59:59.9999Z").expect("valid").date(), Date(-1));
    }

    #[test]
    fn years_outside_1_to_9999_are_refused() {
        for text in
            ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:60Z", "2026-03-01", "yesterday"]
        {
            assert_eq!(Date::parse(text), Err(NotAnInstant), "{text}");
        }
    }

    #[test]
    fn a_timestamp_survives_its_text() {
        for text in ["2026-03-01T06:00:00.123456Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"] {
            let stamp = Timestamp::parse(text).expect("valid");
            assert_eq!(Timestamp::parse(&stamp.to_string()), Ok(stamp));
        }
    }
}
