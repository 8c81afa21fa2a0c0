//! One call by its id.

use schemas::id::CallId;
use schemas::model::{Column, ColumnSet};
use schemas::query::Filter;
use schemas::row::Row;
use schemas::value::Value;
use tantivy::{DocAddress, TERMINATED};

use crate::lowering::Condition;
use crate::search::{Search, SearchError};
use crate::snapshot::KeyColumns;
use crate::state::row;

/// The part of the read that a time limit names.
const PART: &str = "finding the call";

/// The call with this id that the read may see; with every project in scope, any one of those that have it.
pub(crate) fn item(search: &Search, call: CallId, columns: ColumnSet) -> Result<Option<Row>, SearchError> {
    let filter = Filter::Equal(Column::Id, Value::Id(call.0));
    let condition = Condition::of(&filter, None, search)?;
    for ((reader, segment), at) in search.snapshot.segments().zip(0..) {
        let mut documents = condition.plan(search, reader, segment)?.documents(search.read(reader, PART))?;
        let mut found = None;
        let all = std::iter::once(0..TERMINATED);
        search.visit(reader, &mut *documents, all, PART, |doc, _| {
            found.get_or_insert(doc);
            Ok(())
        })?;
        if let Some(doc) = found {
            let keys = KeyColumns::open(reader, search.snapshot.fields())?;
            let key = keys.key(doc)?.ok_or(SearchError::Incomplete)?;
            debug_assert!(search.scope.includes(key.project));
            return row(&search.snapshot, DocAddress::new(at, doc), key, columns).map(Some);
        }
    }
    Ok(None)
}
