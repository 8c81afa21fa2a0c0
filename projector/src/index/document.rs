//! A call as a document of the index. Texts are borrowed from the call's state until tantivy has them.

use std::sync::Arc;

use schemas::fold::{CallState, LiveCall};
use schemas::id::{CallKey, Partition};
use schemas::model::Column;
use schemas::row;
use schemas::value::Value;
use tantivy::schema::document::{ReferenceValue, ReferenceValueLeaf};
use tantivy::schema::{Document, Field};
use tantivy::{Term, schema};
use uuid::fmt::Hyphenated;
use xxhash_rust::xxh3::xxh3_64;

use super::schema::{CallFields, ColumnField, HEAD_BYTES};
use super::words::has_cut_word;

/// The term that finds and deletes a call.
pub fn key_term(fields: &CallFields, key: CallKey) -> Term {
    Term::from_field_bytes(fields.key, &key.to_bytes())
}

/// The hash of a long text that the index keeps for equality.
pub fn text_hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// The beginning of a long text that its order goes by.
pub fn text_head(text: &str) -> &[u8] {
    let bytes = text.as_bytes();
    bytes.get(..HEAD_BYTES).unwrap_or(bytes)
}

/// One call, ready for the index.
#[derive(Debug)]
pub struct CallDocument {
    state: Arc<CallState>,
    /// The state as the index stores it.
    encoded: Vec<u8>,
    key: [u8; 32],
    values: Vec<(Field, Kept)>,
}

/// What a field holds: small values, and where to find the large ones.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Key,
    State,
    Unsigned(u64),
    Signed(i64),
    Boolean(bool),
    Id([u8; Hyphenated::LENGTH]),
    Text(Column),
    Head(Column),
}

impl CallDocument {
    /// Tombstones and calls known by annotations only keep nothing that a query could find.
    pub fn new(fields: &CallFields, key: CallKey, partition: Partition, state: Arc<CallState>) -> Self {
        let mut values = Vec::with_capacity(48);
        values.push((fields.key, Kept::Key));
        values.push((fields.state, Kept::State));
        values.push((fields.partition, Kept::Unsigned(u64::from(partition))));
        if let CallState::Live(call) = &*state
            && call.is_visible()
        {
            let (high, low) = key.call.0.as_u64_pair();
            values.push((fields.visible, Kept::Unsigned(1)));
            values.push((fields.id_high, Kept::Unsigned(high)));
            values.push((fields.id_low, Kept::Unsigned(low)));
            let mut cut_words = false;
            for (column, field) in fields.columns() {
                push_column(&mut values, key, call, *column, *field, &mut cut_words);
            }
            if cut_words {
                values.push((fields.cut_words, Kept::Unsigned(1)));
            }
        }
        Self { encoded: state.encode(), state, key: key.to_bytes(), values }
    }

    fn text(&self, column: Column) -> &str {
        match &*self.state {
            CallState::Live(call) => call.claimed(column).and_then(Value::as_text).unwrap_or_default(),
            CallState::Erased => "",
        }
    }

    fn value<'a>(&'a self, kept: &'a Kept) -> FieldValue<'a> {
        match kept {
            Kept::Key => FieldValue::Bytes(&self.key),
            Kept::State => FieldValue::Bytes(&self.encoded),
            Kept::Unsigned(value) => FieldValue::Unsigned(*value),
            Kept::Signed(value) => FieldValue::Signed(*value),
            Kept::Boolean(value) => FieldValue::Boolean(*value),
            Kept::Id(hyphenated) => {
                FieldValue::Text(std::str::from_utf8(hyphenated).expect("a hyphenated UUID is ASCII"))
            }
            Kept::Text(column) => FieldValue::Text(self.text(*column)),
            Kept::Head(column) => FieldValue::Bytes(text_head(self.text(*column))),
        }
    }
}

fn push_column(
    values: &mut Vec<(Field, Kept)>,
    key: CallKey,
    call: &LiveCall,
    column: Column,
    field: ColumnField,
    cut_words: &mut bool,
) {
    // A column of text has no default, so its claim is what reading shows; that spares copying it.
    if column.column_type().is_text() {
        let Some(text) = call.claimed(column).and_then(Value::as_text) else { return };
        match field {
            ColumnField::Long(long) => {
                values.push((long.words, Kept::Text(column)));
                values.push((long.hash, Kept::Unsigned(text_hash(text))));
                values.push((long.head, Kept::Head(column)));
                *cut_words |= has_cut_word(text);
            }
            ColumnField::Whole(field) => values.push((field, Kept::Text(column))),
            ColumnField::Number(_) | ColumnField::Boolean(_) => {}
        }
        return;
    }
    let kept = match row::value(key, call, column) {
        Value::Null | Value::Text(_) => return,
        Value::Boolean(value) => Kept::Boolean(value),
        Value::Number(value) => Kept::Signed(value),
        Value::Cents(amount) => Kept::Signed(amount.0),
        Value::Date(date) => Kept::Signed(date.0),
        Value::Id(id) => {
            let mut hyphenated = [0; Hyphenated::LENGTH];
            id.as_hyphenated().encode_lower(&mut hyphenated);
            Kept::Id(hyphenated)
        }
    };
    let (ColumnField::Whole(field) | ColumnField::Number(field) | ColumnField::Boolean(field)) = field else { return };
    values.push((field, kept));
}

/// A field's value as tantivy reads it.
#[derive(Debug, Clone, Copy)]
pub enum FieldValue<'a> {
    Unsigned(u64),
    Signed(i64),
    Boolean(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> schema::Value<'a> for FieldValue<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = std::iter::Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(match *self {
            Self::Unsigned(value) => ReferenceValueLeaf::U64(value),
            Self::Signed(value) => ReferenceValueLeaf::I64(value),
            Self::Boolean(value) => ReferenceValueLeaf::Bool(value),
            Self::Text(text) => ReferenceValueLeaf::Str(text),
            Self::Bytes(bytes) => ReferenceValueLeaf::Bytes(bytes),
        })
    }
}

/// The fields of a document, in no particular order.
#[derive(Debug)]
pub struct FieldValues<'a> {
    document: &'a CallDocument,
    values: std::slice::Iter<'a, (Field, Kept)>,
}

impl<'a> Iterator for FieldValues<'a> {
    type Item = (Field, FieldValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (field, kept) = self.values.next()?;
        Some((*field, self.document.value(kept)))
    }
}

impl Document for CallDocument {
    type Value<'a> = FieldValue<'a>;
    type FieldsValuesIter<'a> = FieldValues<'a>;

    fn iter_fields_and_values(&self) -> FieldValues<'_> {
        FieldValues { document: self, values: self.values.iter() }
    }
}
