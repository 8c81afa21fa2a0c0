//! What the reference data says of a field that calls are sorted by.

use schemas::access::ReadScope;
use schemas::limits::RELATED_ROWS;
use schemas::model::{Column, Relation};
use schemas::query::RelatedField;
use schemas::reference::ReferenceData;

use super::super::relation::Field;
use super::SortError;

/// The field's value in every row that calls of the scope see.
pub(super) fn field(
    column: Column,
    relation: Relation,
    field: Field,
    reference: &ReferenceData,
    scope: ReadScope,
) -> Result<RelatedField, SortError> {
    let rows = reference.related_rows(relation, scope);
    let rows = rows.map(|(viewers, row)| (viewers, row.id, row.get(field.name))).filter(|(.., value)| !value.is_null());
    let rows: Vec<_> = rows.take(RELATED_ROWS + 1).collect();
    if rows.len() > RELATED_ROWS {
        return Err(SortError::TooManyRows { column: column.name(), field: field.name });
    }
    Ok(RelatedField::new(relation, rows))
}
