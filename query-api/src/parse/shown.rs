//! What a refusal repeats of what a client sent.

/// Longest part of a client's value that a refusal repeats, in characters.
const SHOWN_CHARS: usize = 60;

/// The text, or its beginning when it is long.
pub(super) fn shown(text: &str) -> String {
    let rest = text.char_indices().nth(SHOWN_CHARS).map(|(at, _)| text.split_at(at));
    rest.map_or_else(|| text.to_owned(), |(beginning, _)| format!("{beginning}…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_marked() {
        let whole = "é".repeat(SHOWN_CHARS);
        assert_eq!(shown(&whole), whole);
        assert_eq!(shown(&format!("{whole}x")), format!("{whole}…"));
        assert_eq!(shown(""), "");
    }
}
