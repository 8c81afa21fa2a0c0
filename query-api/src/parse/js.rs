//! What JavaScript makes of a value, where clients rely on it.

use serde_json::Value as Json;

/// `String(value)`.
pub(super) fn string_of(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number_text(number),
        Json::String(text) => text.clone(),
        Json::Array(elements) => {
            let texts: Vec<String> = elements
                .iter()
                .map(|element| if element.is_null() { String::new() } else { string_of(element) })
                .collect();
            texts.join(",")
        }
        Json::Object(_) => "[object Object]".to_owned(),
    }
}

/// A number as JavaScript writes it, but whole numbers of 64 bits with all their digits.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float_text(float),
        _ => number.to_string(),
    }
}

pub(super) fn float_text(float: f64) -> String {
    if float == 0.0 {
        return "0".to_owned();
    }
    let magnitude = float.abs();
    if (1e-6..1e21).contains(&magnitude) {
        return float.to_string();
    }
    let text = format!("{float:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
        _ => text,
    }
}

/// Whether a value counts as true.
pub(crate) fn is_truthy(value: Option<&Json>) -> bool {
    match value {
        None | Some(Json::Null) => false,
        Some(Json::Bool(value)) => *value,
        Some(Json::Number(number)) => number.as_f64().is_some_and(|number| number != 0.0),
        Some(Json::String(text)) => !text.is_empty(),
        Some(Json::Array(_) | Json::Object(_)) => true,
    }
}

/// `parseInt(text)`, or `parseInt(text, 10)` when decimal only; `None` is NaN.
pub(super) fn parse_int(text: &str, decimal_only: bool) -> Option<f64> {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).filter(|_| !decimal_only);
    let magnitude = match hexadecimal {
        Some(digits) => leading_number(digits, 16)?,
        None => leading_number(digits, 10)?,
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn leading_number(text: &str, radix: u32) -> Option<f64> {
    let end = text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    let digits = text.get(..end).filter(|digits| !digits.is_empty())?;
    if radix == 10 {
        return digits.parse().ok();
    }
    Some(
        digits
            .chars()
            .filter_map(|c| c.to_digit(radix))
            .fold(0.0, |value, digit| value * f64::from(radix) + f64::from(digit)),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (value, text) in [
            (json!(5), "5"),
            (json!(2.50), "2.5"),
            (json!(5.0), "5"),
            (json!(-0.0), "0"),
            (json!(1e21), "1e+21"),
            (json!(1.5e-7), "1.5e-7"),
            (json!(9_007_199_254_740_993_i64), "9007199254740993"),
            (json!([1, null, "a", [true]]), "1,,a,true"),
            (json!({"a": 1}), "[object Object]"),
        ] {
            assert_eq!(string_of(&value), text);
        }
    }

    #[test]
    fn integers_are_read_up_to_the_first_other_character() {
        for (text, decimal, auto) in [
            ("5abc", Some(5.0), Some(5.0)),
            ("  -7.9", Some(-7.0), Some(-7.0)),
            ("1e2", Some(1.0), Some(1.0)),
            ("0x10", Some(0.0), Some(16.0)),
            ("abc", None, None),
            ("Infinity", None, None),
            ("-", None, None),
            ("", None, None),
        ] {
            assert_eq!((parse_int(text, true), parse_int(text, false)), (decimal, auto), "{text}");
        }
    }
}
