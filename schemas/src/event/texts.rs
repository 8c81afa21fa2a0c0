//! JSON strings as text. Half of a character that is written as two escapes, such as what is left of `\ud83d\ude00`
//! when a prompt is cut in the middle, is valid JSON and no text: U+FFFD stands in its place.

use std::borrow::Cow;
use std::char::REPLACEMENT_CHARACTER;
use std::fmt;

use serde::de::{Deserializer as _, Error, Visitor};

/// Bytes of half a character, where a string is read as bytes.
const HALF_BYTES: usize = 3;

/// The text of a valid JSON value, if it is a string.
pub(super) fn parse_text(json: &str) -> Option<Box<str>> {
    serde_json::from_str(json).ok().or_else(|| serde_json::Deserializer::from_str(json).deserialize_bytes(Halves).ok())
}

/// The same for the key of an object, which seldom has escapes.
pub(super) fn parse_key(json: &str) -> Option<Cow<'_, str>> {
    let plain = json.strip_prefix('"')?.strip_suffix('"')?;
    if plain.contains('\\') { parse_text(json).map(|text| Cow::Owned(text.into())) } else { Some(Cow::Borrowed(plain)) }
}

/// Reads the bytes of a string: UTF-8, but for halves of characters.
struct Halves;

impl Visitor<'_> for Halves {
    type Value = Box<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Box<str>, E> {
        let (mut text, mut rest) = (String::with_capacity(bytes.len()), bytes);
        while let Some(chunk) = rest.utf8_chunks().next() {
            text.push_str(chunk.valid());
            rest = rest.get(chunk.valid().len()..).unwrap_or_default();
            if !rest.is_empty() {
                text.push(REPLACEMENT_CHARACTER);
                rest = rest.get(HALF_BYTES..).unwrap_or_default();
            }
        }
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_is_one_that_stands_for_any() {
        for (json, text) in [
            (r#""cut \ud83d""#, Some("cut \u{fffd}")),
            (r#""\ude00 first""#, Some("\u{fffd} first")),
            (r#""\ud83d\ud83d\ude00\ude00""#, Some("\u{fffd}😀\u{fffd}")),
            (r#""\uD83D\n\uDBFF\u0041ä""#, Some("\u{fffd}\n\u{fffd}Aä")),
            (r#""\ud83dude00""#, Some("\u{fffd}ude00")),
            (r#""\ud83d\ude00""#, Some("😀")),
            (r#""""#, Some("")),
            ("[65]", None),
            ("5", None),
            ("null", None),
        ] {
            assert_eq!(parse_text(json).as_deref(), text, "{json}");
        }
    }

    #[test]
    fn a_key_is_a_text_with_escapes_or_without() {
        assert_eq!(parse_key(r#""feature""#), Some(Cow::Borrowed("feature")));
        assert_eq!(parse_key(r#""fe\u0061ture""#).as_deref(), Some("feature"));
        assert_eq!(parse_key(r#""\ud83d""#).as_deref(), Some("\u{fffd}"));
    }
}
