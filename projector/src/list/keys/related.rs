//! The rank of a call in an order by a field of a related row.

use std::collections::HashMap;
use std::sync::Arc;

use schemas::id::ProjectId;
use schemas::model::Column;
use schemas::query::RelatedField;
use schemas::reference::Viewers;
use schemas::value::Value;
use tantivy::{DocId, SegmentReader};
use uuid::Uuid;

use crate::index::schema::CallFields;
use crate::search::SearchError;
use crate::snapshot::FastColumn;

/// A field of related rows, by what one segment keeps of their ids.
#[derive(Debug)]
pub(super) struct RelatedRanks {
    field: Arc<RelatedField>,
    ids: FastColumn,
    /// By the ordinal of its id, the rank of each row that every call of the scope sees.
    for_all: Vec<Option<u32>>,
    projects: FastColumn,
    /// By the ordinal of a project, the ranks of the rows that only its calls see.
    for_project: Vec<HashMap<u64, u32>>,
}

impl RelatedRanks {
    pub(super) fn open(
        reader: &SegmentReader,
        fields: &CallFields,
        field: &Arc<RelatedField>,
    ) -> Result<Self, SearchError> {
        let ids = FastColumn::of(reader, fields, field.relation().id_column())?;
        let projects = FastColumn::of(reader, fields, Column::ProjectId)?;
        let rows = ordinals(&ids)?;
        let all = field.ranks(Viewers::All);
        let for_all = rows.iter().map(|id| id.and_then(|id| all?.get(&id).copied())).collect();
        let of_project = |project: Option<Uuid>| {
            let ranks = field.ranks(Viewers::Of(ProjectId(project?)))?;
            let ranked = (0..).zip(&rows).filter_map(|(ordinal, id)| Some((ordinal, *ranks.get(&(*id)?)?)));
            Some(ranked.collect())
        };
        let for_project = ordinals(&projects)?.into_iter().map(|project| of_project(project).unwrap_or_default());
        Ok(Self { for_all, for_project: for_project.collect(), field: Arc::clone(field), ids, projects })
    }

    pub(super) fn rank(&self, doc: DocId) -> Option<u32> {
        let id = self.ids.first(doc)?;
        let for_all = self.for_all.get(usize::try_from(id).ok()?).copied().flatten();
        for_all.or_else(|| {
            let project = self.projects.first(doc)?;
            self.for_project.get(usize::try_from(project).ok()?)?.get(&id).copied()
        })
    }

    pub(super) fn value(&self, doc: DocId) -> Value {
        self.rank(doc).map_or(Value::Null, |rank| self.field.value(rank).clone())
    }

    /// The rank of a value; as an error, that of the first greater one.
    pub(super) fn rank_of(&self, value: &Value) -> Result<u64, u64> {
        let rank = |place| u64::try_from(place).unwrap_or(u64::MAX);
        self.field.rank_of(value).map(rank).map_err(rank)
    }
}

/// What the ordinals of a column of ids stand for.
fn ordinals(column: &FastColumn) -> Result<Vec<Option<Uuid>>, SearchError> {
    let mut ids = Vec::new();
    if let Some(dictionary) = &column.dictionary {
        let mut terms = dictionary.stream()?;
        while terms.advance() {
            ids.push(Uuid::try_parse_ascii(terms.key()).ok());
        }
    }
    Ok(ids)
}
