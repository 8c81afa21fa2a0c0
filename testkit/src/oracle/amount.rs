//! Amounts of cents as whole nano-dollars, from decimal text and back.

/// Decimals of a cent that a nano-dollar has.
const DECIMALS: usize = 7;

/// Reads cents such as `-0.084`. None for what the oracle never sends, such as more decimals than a nano-dollar has.
pub(super) fn nano_usd(cents: &str) -> Option<i128> {
    let (sign, digits) = cents.strip_prefix('-').map_or((1, cents), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > DECIMALS {
        return None;
    }
    let all: i128 = format!("{whole}{fraction:0<DECIMALS$}").parse().ok()?;
    Some(sign * all)
}

/// The shortest decimal text of it, in cents.
pub(super) fn cents(nano_usd: i128) -> String {
    let unit = 10_i128.pow(7);
    let sign = if nano_usd < 0 { "-" } else { "" };
    let (whole, rest) = (nano_usd.abs() / unit, nano_usd.abs() % unit);
    let text = format!("{sign}{whole}.{rest:0DECIMALS$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_comes_back_as_it_was_written() {
        for text in ["0", "1", "0.084", "-2.5", "123456.0000001", "10"] {
            assert_eq!(cents(nano_usd(text).expect("an amount")), text);
        }
        assert_eq!(nano_usd("0.00000001"), None);
        assert_eq!(nano_usd("1e3"), None);
    }
}
