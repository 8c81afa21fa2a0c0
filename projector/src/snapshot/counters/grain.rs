//! The sum that a document belongs to.

use schemas::model::Column;
use schemas::time::Date;
use tantivy::{DocId, SegmentReader};

use super::super::columns::{AmountColumns, FastColumn, in_i64};
use crate::index::schema::CallFields;

/// A counter key in the ordinals of one segment. Nulls have no ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Grain {
    pub(super) project: u64,
    pub(super) day: i32,
    pub(super) model: Option<u64>,
    pub(super) status: Option<u64>,
}

impl Grain {
    pub(super) fn of_any_status(self) -> Self {
        Self { status: None, ..self }
    }
}

/// The columns that the sums are by and of.
pub(super) struct CounterColumns {
    pub(super) project: FastColumn,
    created_at: FastColumn,
    pub(super) model: FastColumn,
    pub(super) status: FastColumn,
    pub(super) amounts: AmountColumns,
}

impl CounterColumns {
    pub(super) fn open(reader: &SegmentReader, fields: &CallFields) -> tantivy::Result<Self> {
        let column = |column| FastColumn::of(reader, fields, column);
        Ok(Self {
            project: column(Column::ProjectId)?,
            created_at: column(Column::CreatedAt)?,
            model: column(Column::ModelName)?,
            status: column(Column::Status)?,
            amounts: AmountColumns::open(reader, fields)?,
        })
    }

    /// The sum that a document belongs to; none for what queries don't show.
    pub(super) fn grain(&self, doc: DocId) -> Option<Grain> {
        Some(Grain {
            day: Date(in_i64(self.created_at.first(doc)?)).day(),
            project: self.project.first(doc)?,
            model: self.model.first(doc),
            status: self.status.first(doc),
        })
    }
}
