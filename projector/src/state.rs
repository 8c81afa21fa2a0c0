//! The stored state of calls, and the rows that are made of it.

use schemas::fold::{CallState, LiveCall};
use schemas::id::CallKey;
use schemas::model::ColumnSet;
use schemas::row::Row;
use tantivy::schema::Value as _;
use tantivy::{DocAddress, TantivyDocument};

use crate::search::SearchError;
use crate::snapshot::Snapshot;

/// The stored state of a visible call.
pub(crate) fn stored_state(snapshot: &Snapshot, at: DocAddress) -> Result<LiveCall, SearchError> {
    let document: TantivyDocument = snapshot.searcher().doc(at)?;
    let bytes = document.get_first(snapshot.fields().state).and_then(|value| value.as_bytes());
    match CallState::decode(bytes.ok_or(SearchError::Incomplete)?)? {
        CallState::Live(call) if call.is_visible() => Ok(call),
        CallState::Live(_) | CallState::Erased => Err(SearchError::Incomplete),
    }
}

/// The row of a visible call.
pub(crate) fn row(snapshot: &Snapshot, at: DocAddress, key: CallKey, columns: ColumnSet) -> Result<Row, SearchError> {
    Ok(Row::of(key, &stored_state(snapshot, at)?, columns))
}
