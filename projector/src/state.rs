//! The stored state of calls, and the rows that are made of it.

use schemas::fold::{CallState, LiveCall};
use schemas::id::CallKey;
use schemas::model::ColumnSet;
use schemas::row::Row;
use tantivy::directory::OwnedBytes;
use tantivy::schema::document::{
    DeserializeError, DocumentDeserialize, DocumentDeserializer, ValueDeserialize, ValueDeserializer,
};
use tantivy::store::StoreReader;
use tantivy::{DocAddress, DocId, SegmentReader};

use crate::search::SearchError;
use crate::snapshot::Snapshot;

/// The stored state of a visible call.
pub(crate) fn stored_state(snapshot: &Snapshot, at: DocAddress) -> Result<LiveCall, SearchError> {
    match CallState::decode(&stored_bytes(snapshot, at)?)? {
        CallState::Live(call) if call.is_visible() => Ok(call),
        CallState::Live(_) | CallState::Erased => Err(SearchError::Incomplete),
    }
}

/// The bytes of a stored state.
pub(crate) fn stored_bytes(snapshot: &Snapshot, at: DocAddress) -> Result<Vec<u8>, SearchError> {
    let StoredFields { state } = snapshot.searcher().doc(at)?;
    state.ok_or(SearchError::Incomplete)
}

/// Reads the states of many documents of one segment, without a copy.
pub(crate) struct StateReader(StoreReader);

impl StateReader {
    pub(crate) fn open(reader: &SegmentReader) -> Result<Self, SearchError> {
        Ok(Self(reader.get_store_reader(1)?))
    }

    pub(crate) fn bytes(&self, doc: DocId) -> Result<OwnedBytes, SearchError> {
        if let Some(state) = only_value(&self.0.get_document_bytes(doc)?) {
            return Ok(state);
        }
        let StoredFields { state } = self.0.get(doc)?;
        state.map(OwnedBytes::new).ok_or(SearchError::Incomplete)
    }
}

/// The bytes of a stored document's only field: one field, its number, its type, its length, all of the rest. None when
/// tantivy has written it otherwise; what tantivy itself makes of it copies byte by byte.
fn only_value(document: &OwnedBytes) -> Option<OwnedBytes> {
    const ONE: u8 = 0x81;
    const BYTES: u8 = 4;
    let [ONE, _, _, _, _, BYTES, rest @ ..] = document.as_slice() else { return None };
    // The last byte of a length has its high bit set.
    let of_length = rest.iter().take(5).position(|byte| byte & 0x80 != 0)? + 1;
    let length = rest.iter().take(of_length).rev().fold(0, |length, byte| (length << 7) | usize::from(byte & 0x7F));
    let start = document.len() - rest.len() + of_length;
    (length == document.len() - start).then(|| document.slice(start..document.len()))
}

/// The row of a visible call. What is stored of it is read only for columns that need it.
pub(crate) fn row(snapshot: &Snapshot, at: DocAddress, key: CallKey, columns: ColumnSet) -> Result<Row, SearchError> {
    match Row::of_key(key, columns) {
        Some(row) => Ok(row),
        None => Ok(Row::of(key, &stored_state(snapshot, at)?, columns)),
    }
}

/// What is stored of a document: the state is the one field of which anything is.
struct StoredFields {
    state: Option<Vec<u8>>,
}

struct Bytes(Vec<u8>);

impl DocumentDeserialize for StoredFields {
    fn deserialize<'de, D: DocumentDeserializer<'de>>(mut fields: D) -> Result<Self, DeserializeError> {
        Ok(Self { state: fields.next_field()?.map(|(_, Bytes(state))| state) })
    }
}

impl ValueDeserialize for Bytes {
    fn deserialize<'de, D: ValueDeserializer<'de>>(value: D) -> Result<Self, DeserializeError> {
        value.deserialize_bytes().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use tantivy::directory::RamDirectory;
    use tantivy::doc;

    use super::*;
    use crate::index::schema::CallFields;
    use crate::writer::folder::new_index;

    #[test]
    fn a_stored_state_is_read_without_a_copy_whatever_its_length() {
        let fields = CallFields::new();
        let index = new_index(RamDirectory::default(), &fields).expect("an index");
        let mut writer = index.writer_with_num_threads(1, 15_000_000).expect("a writer");
        let states = [0, 1, 127, 128, 16_383, 16_384, 3_000_000].map(|length| vec![0xA5_u8; length]);
        for state in &states {
            writer.add_document(doc!(fields.state => state.as_slice())).expect("added");
        }
        writer.commit().expect("committed");
        let searcher = index.reader().expect("a reader").searcher();
        let reader = StateReader::open(searcher.segment_reader(0)).expect("a store");
        for (doc, state) in (0..).zip(&states) {
            let stored = only_value(&reader.0.get_document_bytes(doc).expect("stored")).expect("as it is known");
            assert!(stored.as_slice() == state.as_slice(), "document {doc}");
            assert!(reader.bytes(doc).expect("stored").as_slice() == state.as_slice(), "document {doc}");
        }
    }

    #[test]
    fn what_is_written_otherwise_is_left_to_tantivy() {
        for document in [
            &[0x82, 0, 0, 0, 0, 4, 0x81, 1][..],
            &[0x81, 0, 0, 0, 0, 0, 0x81, 1],
            &[0x81, 0, 0, 0, 0, 4, 0x82, 1],
            &[0x81],
            &[],
        ] {
            assert!(only_value(&OwnedBytes::new(document.to_vec())).is_none(), "{document:?}");
        }
    }
}
