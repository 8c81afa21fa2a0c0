//! An event's `data`: claims on the columns of a call.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::limits::{LONG_TEXT_BYTES, TEXT_CHARS, VERY_LONG_TEXT_BYTES};
use crate::model::{Column, ColumnType};
use crate::time::Date;
use crate::value::Value;

/// JSON kept as the text it came in.
#[derive(Debug, Clone)]
pub struct RawJson(pub Box<RawValue>);

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// What an event says of its call. The project is part of the event's key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallData {
    pub created_at: Option<Date>,
    pub updated_at: Option<Date>,
    pub version: Option<i64>,
    /// Claims, in the order of the model. [`Value::Null`] claims "empty"; a column not here is no claim.
    claims: Vec<(Column, Value)>,
    /// Members that version 1 does not know, kept verbatim.
    pub unknown: Vec<(Box<str>, RawJson)>,
}

impl CallData {
    /// Claims nothing yet, with room for this many claims.
    pub(super) fn for_claims(claims: usize) -> Self {
        Self { claims: Vec::with_capacity(claims), ..Self::default() }
    }

    /// Claims a value. A later claim on the same column replaces it.
    ///
    /// # Panics
    /// When the column can't be claimed or can't hold the value: a mistake in the code that calls.
    pub fn claim(&mut self, column: Column, value: Value) {
        assert!(column.is_claimable() && value.fits(column), "{column:?} can't be claimed as {value:?}");
        match self.claims.binary_search_by_key(&column, |(column, _)| *column) {
            Ok(at) => {
                if let Some(claim) = self.claims.get_mut(at) {
                    claim.1 = value;
                }
            }
            Err(at) => self.claims.insert(at, (column, value)),
        }
    }

    pub fn claimed(&self, column: Column) -> Option<&Value> {
        let at = self.claims.binary_search_by_key(&column, |(column, _)| *column).ok()?;
        self.claims.get(at).map(|(_, value)| value)
    }

    pub fn claims(&self) -> &[(Column, Value)] {
        &self.claims
    }

    pub fn into_claims(self) -> Vec<(Column, Value)> {
        self.claims
    }

    /// Cuts texts that are longer than their column allows. Says which columns were cut.
    pub fn cut_long_texts(&mut self) -> Vec<Column> {
        let mut cut = Vec::new();
        for (column, value) in &mut self.claims {
            if let Value::Text(text) = value
                && let Some(shorter) = cut_text(text, column.column_type())
            {
                *text = shorter.into();
                cut.push(*column);
            }
        }
        cut
    }
}

/// The text as the column keeps it, if it is longer than the column allows: cut on a character boundary,
/// ending in a mark that names the original size.
pub fn cut_text(text: &str, column_type: ColumnType) -> Option<String> {
    let mark = || format!("… [cut: {} bytes in all]", text.len());
    let end = match column_type {
        ColumnType::Text if text.len() > TEXT_CHARS => {
            text.char_indices().nth(TEXT_CHARS)?;
            let keep = TEXT_CHARS - mark().chars().count();
            text.char_indices().nth(keep).map_or(text.len(), |(at, _)| at)
        }
        ColumnType::LongText if text.len() > LONG_TEXT_BYTES => {
            text.floor_char_boundary(LONG_TEXT_BYTES - mark().len())
        }
        ColumnType::VeryLongText if text.len() > VERY_LONG_TEXT_BYTES => {
            text.floor_char_boundary(VERY_LONG_TEXT_BYTES - mark().len())
        }
        _ => return None,
    };
    Some(format!("{}{}", text.get(..end)?, mark()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_long_text_ends_in_a_mark_and_fits() {
        let long = "ä".repeat(20_000);
        let text = cut_text(&long, ColumnType::Text).expect("too long");
        assert_eq!(text.chars().count(), TEXT_CHARS);
        assert!(text.ends_with("ä… [cut: 40000 bytes in all]"), "{text}");
        let long_text = cut_text(&long, ColumnType::LongText).expect("too long");
        assert!(long_text.len() <= LONG_TEXT_BYTES && long_text.len() > LONG_TEXT_BYTES - 4);
        assert_eq!(cut_text(&long, ColumnType::VeryLongText), None);
    }

    #[test]
    fn text_of_just_the_greatest_length_is_kept() {
        assert_eq!(cut_text(&"ä".repeat(TEXT_CHARS), ColumnType::Text), None);
        assert_eq!(cut_text(&"a".repeat(LONG_TEXT_BYTES), ColumnType::LongText), None);
        assert!(cut_text(&"a".repeat(LONG_TEXT_BYTES + 1), ColumnType::LongText).is_some());
    }
}
