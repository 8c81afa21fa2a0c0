//! Money: whole nano-dollars, read from and written as decimal text, never a double.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in billionths of a US dollar. One cent is ten million of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

/// A text that is not an amount of cents that fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an amount in US cents between -900000000000 and 900000000000, as a decimal number")]
pub struct NotAnAmount;

/// Nano-dollars in a cent, as a power of ten.
const NANO_DIGITS: i32 = 7;
const NANO_PER_CENT: u128 = 10_000_000;
const NANO_MAX: u128 = 9_000_000_000_000_000_000;

impl NanoUsd {
    /// The least amount that an event may name.
    pub const MIN: Self = Self(-9_000_000_000_000_000_000);
    /// The greatest amount that an event may name.
    pub const MAX: Self = Self(9_000_000_000_000_000_000);

    /// Reads an amount of cents from a JSON number's text. Half-even beyond nine decimals of a dollar.
    pub fn from_cents(text: &str) -> Result<Self, NotAnAmount> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(NotAnAmount);
                }
                // An exponent too long for an i32 is out of every range, whatever its sign.
                let bound = if exponent.starts_with('-') { -10_000 } else { 10_000 };
                (mantissa, exponent.parse::<i32>().unwrap_or(bound).clamp(-10_000, 10_000))
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || mantissa.ends_with('.') {
            return Err(NotAnAmount);
        }
        if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(NotAnAmount);
        }
        let fraction_digits = i32::try_from(fraction.len()).map_err(|_| NotAnAmount)?;
        let shift = exponent - fraction_digits + NANO_DIGITS;
        let digits = whole.bytes().chain(fraction.bytes()).skip_while(|b| *b == b'0');
        let nano = scaled(digits, shift).ok_or(NotAnAmount)?;
        if nano > NANO_MAX {
            return Err(NotAnAmount);
        }
        let nano = i64::try_from(nano).map_err(|_| NotAnAmount)?;
        Ok(Self(if negative { -nano } else { nano }))
    }
}

/// `digits × 10^shift`, rounded half to even; `None` when it does not fit.
fn scaled(digits: impl Iterator<Item = u8>, shift: i32) -> Option<u128> {
    let digits: Vec<u8> = digits.collect();
    let keep = i64::try_from(digits.len()).ok()? + i64::from(shift.min(0));
    let mut value: u128 = 0;
    let kept = usize::try_from(keep).unwrap_or(0);
    for digit in digits.iter().take(kept) {
        value = value.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
        if value > NANO_MAX {
            return None;
        }
    }
    if shift >= 0 {
        if value == 0 {
            return Some(0);
        }
        return value.checked_mul(10u128.checked_pow(shift.unsigned_abs())?);
    }
    if keep < 0 {
        return Some(0);
    }
    let mut dropped = digits.iter().skip(kept);
    let first = dropped.next().map_or(0, |digit| digit - b'0');
    let rest = dropped.any(|digit| *digit != b'0');
    let up = first > 5 || (first == 5 && (rest || value % 2 == 1));
    Some(value + u128::from(up))
}

/// A sum of amounts, as cents in decimal text: the shortest that is exact.
pub fn cents_text(nano_usd: i128) -> String {
    let sign = if nano_usd < 0 { "-" } else { "" };
    let nano = nano_usd.unsigned_abs();
    let (whole, fraction) = (nano / NANO_PER_CENT, nano % NANO_PER_CENT);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:07}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

impl fmt::Display for NanoUsd {
    /// The amount in cents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cents_text(i128::from(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nano(text: &str) -> Option<i64> {
        NanoUsd::from_cents(text).ok().map(|amount| amount.0)
    }

    #[test]
    fn cents_are_read_exactly() {
        assert_eq!(nano("0"), Some(0));
        assert_eq!(nano("1"), Some(10_000_000));
        assert_eq!(nano("0.1164"), Some(1_164_000));
        assert_eq!(nano("-2.5e-1"), Some(-2_500_000));
        assert_eq!(nano("1.5E+2"), Some(1_500_000_000));
        assert_eq!(nano("0e999999999999"), Some(0));
        assert_eq!(nano("1e-999999999999"), Some(0));
    }

    #[test]
    fn beyond_nine_decimals_of_a_dollar_the_half_goes_to_even() {
        assert_eq!(nano("0.00000005"), Some(0));
        assert_eq!(nano("0.00000015"), Some(2));
        assert_eq!(nano("0.000000050000001"), Some(1));
        assert_eq!(nano("0.00000006"), Some(1));
        assert_eq!(nano("0.000000004"), Some(0));
    }

    #[test]
    fn what_is_no_amount_or_too_great_is_refused() {
        for text in ["", "-", ".5", "5.", "1e", "1e+", "NaN", "0x1", "1_0", "900000000001", "1e300"] {
            assert_eq!(NanoUsd::from_cents(text), Err(NotAnAmount), "{text}");
        }
        assert_eq!(nano("900000000000"), Some(9_000_000_000_000_000_000));
    }

    proptest::proptest! {
        #[test]
        fn an_amount_survives_its_text(value in -9_000_000_000_000_000_000i64..=9_000_000_000_000_000_000) {
            proptest::prop_assert_eq!(NanoUsd::from_cents(&NanoUsd(value).to_string()), Ok(NanoUsd(value)));
        }
    }
}
