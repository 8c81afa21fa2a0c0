//! Spans of time on the command line: a whole number and its unit.

use std::time::Duration;

/// The text is no span of time.
#[derive(Debug, thiserror::Error)]
#[error("expected a whole number above 0 and its unit (ms, s, m, h or d), such as 10s")]
pub(crate) struct NotASpan;

pub(crate) fn parse_span(text: &str) -> Result<Duration, NotASpan> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| NotASpan)?;
    let unit_ms = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(NotASpan),
    };
    let span_ms = number.checked_mul(unit_ms).filter(|span_ms| *span_ms > 0).ok_or(NotASpan)?;
    Ok(Duration::from_millis(span_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_its_unit() {
        assert_eq!(parse_span("250ms").expect("valid"), Duration::from_millis(250));
        assert_eq!(parse_span(" 10 s").expect("valid"), Duration::from_secs(10));
        assert_eq!(parse_span("7d").expect("valid"), Duration::from_hours(168));
        for text in ["", "10", "s", "-1s", "0s", "1.5s", "10 years", "99999999999999999999d", "999999999999999999d"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
