//! The fast columns of a segment, all as u64 in the order of their values.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use schemas::id::{CallId, CallKey, ProjectId};
use schemas::model::{Column, ColumnType};
use schemas::money::NanoUsd;
use schemas::stats::Totals;
use schemas::time::Date;
use schemas::value::Value;
use tantivy::columnar::{self, Dictionary, DynamicColumn, StrColumn};
use tantivy::schema::Field;
use tantivy::{DocId, SegmentReader};
use uuid::Uuid;

use crate::index::schema::{CallFields, ColumnField};

/// The whole number that a column keeps as this u64.
pub(crate) fn in_i64(value: u64) -> i64 {
    tantivy::u64_to_i64(value)
}

/// A fast column: numbers as u64 in their order, texts as the ordinals of a sorted dictionary.
#[derive(Clone)]
pub(crate) struct FastColumn {
    pub(crate) values: columnar::Column<u64>,
    pub(crate) dictionary: Option<Arc<Dictionary>>,
}

impl fmt::Debug for FastColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastColumn").field("documents", &self.values.num_docs()).finish_non_exhaustive()
    }
}

impl FastColumn {
    /// The fast column of a field; an empty one when no document of the segment has a value.
    pub(crate) fn open(reader: &SegmentReader, field: Field) -> tantivy::Result<Self> {
        let name = reader.schema().get_field_name(field);
        let Some(handle) = reader.fast_fields().dynamic_column_handles(name)?.into_iter().next() else {
            return Ok(Self::empty(reader));
        };
        let texts = |column: StrColumn| {
            let (dictionary, values) = column.into_parts();
            Self { values, dictionary: Some(dictionary) }
        };
        Ok(match handle.column_type() {
            columnar::ColumnType::Str | columnar::ColumnType::Bytes => match handle.open()? {
                DynamicColumn::Str(column) => texts(column),
                DynamicColumn::Bytes(column) => texts(StrColumn::wrap(column)),
                _ => Self::empty(reader),
            },
            // As they are kept: through their own types each value would be mapped there and back.
            _ => match handle.open_u64_lenient()? {
                Some(values) => Self { values, dictionary: None },
                None => Self::empty(reader),
            },
        })
    }

    fn empty(reader: &SegmentReader) -> Self {
        Self { values: columnar::Column::build_empty_column(reader.max_doc()), dictionary: None }
    }

    /// The fast column that a model's column is sorted and grouped by; for long texts that of their heads.
    pub(crate) fn of(reader: &SegmentReader, fields: &CallFields, column: Column) -> tantivy::Result<Self> {
        match fields.column(column) {
            Some(ColumnField::Whole(field) | ColumnField::Number(field) | ColumnField::Boolean(field)) => {
                Self::open(reader, field)
            }
            Some(ColumnField::Long(long)) => Self::open(reader, long.head),
            None => Ok(Self::empty(reader)),
        }
    }

    pub(crate) fn first(&self, doc: DocId) -> Option<u64> {
        self.values.first(doc)
    }

    /// The bytes that an ordinal stands for; nothing for what is no ordinal of this column.
    pub(crate) fn bytes(&self, ordinal: u64) -> tantivy::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(dictionary) = &self.dictionary {
            dictionary.ord_to_term(ordinal, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// What these ordinals or numbers stand for in a model's column, each once.
    pub(crate) fn values(
        &self,
        column: Column,
        raw: impl Iterator<Item = u64>,
    ) -> tantivy::Result<BTreeMap<u64, Value>> {
        let mut values = BTreeMap::new();
        for raw in raw {
            if let Entry::Vacant(entry) = values.entry(raw) {
                entry.insert(self.value(column, raw)?);
            }
        }
        Ok(values)
    }

    /// The value of a model's column that this fast column keeps as `raw`. Not for long texts.
    pub(crate) fn value(&self, column: Column, raw: u64) -> tantivy::Result<Value> {
        Ok(match column.column_type() {
            ColumnType::Date => Value::Date(Date(in_i64(raw))),
            ColumnType::Number => Value::Number(in_i64(raw)),
            ColumnType::Cents => Value::Cents(NanoUsd(in_i64(raw))),
            ColumnType::Boolean => Value::Boolean(raw != 0),
            ColumnType::ObjectId => Uuid::try_parse_ascii(&self.bytes(raw)?).map_or(Value::Null, Value::Id),
            _ => Value::text(String::from_utf8_lossy(&self.bytes(raw)?)),
        })
    }
}

/// The columns that name the calls of a segment.
#[derive(Debug)]
pub(crate) struct KeyColumns {
    pub(crate) project: FastColumn,
    id_high: FastColumn,
    id_low: FastColumn,
}

impl KeyColumns {
    pub(crate) fn open(reader: &SegmentReader, fields: &CallFields) -> tantivy::Result<Self> {
        Ok(Self {
            project: FastColumn::of(reader, fields, Column::ProjectId)?,
            id_high: FastColumn::open(reader, fields.id_high)?,
            id_low: FastColumn::open(reader, fields.id_low)?,
        })
    }

    /// The call id of a document; none of what queries don't show.
    pub(crate) fn id(&self, doc: DocId) -> Option<Uuid> {
        Some(Uuid::from_u64_pair(self.id_high.first(doc)?, self.id_low.first(doc)?))
    }

    /// The call that a document is of; none of what queries don't show.
    pub(crate) fn key(&self, doc: DocId) -> tantivy::Result<Option<CallKey>> {
        let (Some(call), Some(ordinal)) = (self.id(doc), self.project.first(doc)) else { return Ok(None) };
        let project = self.project.value(Column::ProjectId, ordinal)?;
        let Value::Id(project) = project else { return Ok(None) };
        Ok(Some(CallKey { project: ProjectId(project), call: CallId(call) }))
    }
}

/// The columns that are added up.
#[derive(Debug)]
pub(crate) struct AmountColumns {
    total_tokens: FastColumn,
    completion_tokens: FastColumn,
    cached_input_tokens: FastColumn,
    cache_creation_tokens: FastColumn,
    cost: FastColumn,
}

impl AmountColumns {
    pub(crate) fn open(reader: &SegmentReader, fields: &CallFields) -> tantivy::Result<Self> {
        let column = |column| FastColumn::of(reader, fields, column);
        Ok(Self {
            total_tokens: column(Column::TotalTokens)?,
            completion_tokens: column(Column::CompletionTokens)?,
            cached_input_tokens: column(Column::CachedInputTokens)?,
            cache_creation_tokens: column(Column::CacheCreationTokens)?,
            cost: column(Column::CostInUsdCents)?,
        })
    }

    /// Adds a call to a sum, all but whether it is an error.
    pub(crate) fn add(&self, doc: DocId, totals: &mut Totals) {
        let amount = |column: &FastColumn| column.first(doc).map_or(0, |value| i128::from(in_i64(value)));
        totals.calls += 1;
        totals.total_tokens += amount(&self.total_tokens);
        totals.completion_tokens += amount(&self.completion_tokens);
        totals.cached_input_tokens += amount(&self.cached_input_tokens);
        totals.cache_creation_tokens += amount(&self.cache_creation_tokens);
        totals.cost_nano_usd += amount(&self.cost);
    }
}
