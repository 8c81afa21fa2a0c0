//! The stored state of calls, and the rows that are made of it.

use schemas::fold::{CallState, LiveCall};
use schemas::id::CallKey;
use schemas::model::ColumnSet;
use schemas::row::Row;
use tantivy::DocAddress;
use tantivy::schema::document::{
    DeserializeError, DocumentDeserialize, DocumentDeserializer, ValueDeserialize, ValueDeserializer,
};

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

/// The row of a visible call.
pub(crate) fn row(snapshot: &Snapshot, at: DocAddress, key: CallKey, columns: ColumnSet) -> Result<Row, SearchError> {
    Ok(Row::of(key, &stored_state(snapshot, at)?, columns))
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
