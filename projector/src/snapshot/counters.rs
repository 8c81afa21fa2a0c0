//! Sums over the visible calls of a segment, by project, UTC day of `createdAt`, model and status.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use schemas::access::ReadScope;
use schemas::id::ProjectId;
use schemas::model::Column;
use schemas::stats::{Totals, is_error};
use schemas::time::Date;
use schemas::value::Value;
use tantivy::{DocId, SegmentReader};

use super::columns::{AmountColumns, FastColumn, in_i64};
use crate::index::schema::CallFields;

/// What the calls of one sum have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CounterKey {
    pub project: ProjectId,
    /// The UTC day of `createdAt`, in days since 1970.
    pub day: i32,
    pub model: Option<Box<str>>,
    pub status: Option<Box<str>>,
}

/// Sums over visible calls; none without a call.
pub type Counters = BTreeMap<CounterKey, Totals>;

/// One sum of a segment, as of its deletes; of one call at least.
#[derive(Debug)]
pub(crate) struct Cell<'a> {
    pub(crate) project: ProjectId,
    pub(crate) day: i32,
    pub(crate) model: &'a Value,
    pub(crate) status: &'a Value,
    /// Errors are not among them.
    first: &'a Totals,
    deleted: Option<&'a Totals>,
}

impl Cell<'_> {
    pub(crate) fn calls(&self) -> i128 {
        self.first.calls - self.deleted.map_or(0, |deleted| deleted.calls)
    }

    pub(crate) fn add_to(&self, totals: &mut Totals) {
        totals.add(self.first);
        if let Some(deleted) = self.deleted {
            totals.subtract(deleted);
        }
        if self.status.as_text().is_some_and(is_error) {
            totals.errors += self.calls();
        }
    }
}

/// The sums of one segment: those of the documents that lived when it was first seen, less those of the
/// documents deleted since.
#[derive(Debug)]
pub(crate) struct SegmentCounters {
    first: Arc<FirstSeen>,
    deleted: Arc<Deleted>,
}

#[derive(Debug, Clone, Default)]
struct Deleted {
    /// By place in [`FirstSeen::sums`].
    sums: HashMap<usize, Totals>,
    /// By ordinal of the project.
    calls: HashMap<u64, i128>,
}

#[derive(Debug)]
struct FirstSeen {
    /// By ordinal, and so by id too.
    projects: Vec<ProjectSums>,
    models: BTreeMap<u64, Value>,
    statuses: BTreeMap<u64, Value>,
    /// In order. Errors are not counted here: they follow from calls and status.
    sums: Vec<(Grain, Totals)>,
}

/// The sums of one project.
#[derive(Debug)]
struct ProjectSums {
    ordinal: u64,
    project: ProjectId,
    sums: Range<usize>,
    calls: i128,
}

/// A counter key in the ordinals of one segment. Nulls have no ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Grain {
    project: u64,
    day: i32,
    model: Option<u64>,
    status: Option<u64>,
}

impl SegmentCounters {
    pub(super) fn derive(reader: &SegmentReader, fields: &CallFields) -> tantivy::Result<Self> {
        let columns = CounterColumns::open(reader, fields)?;
        let mut sums: HashMap<Grain, Totals> = HashMap::new();
        // Neighbours are mostly of one project, day and model, so the last sum is kept at hand.
        let mut last: Option<(Grain, Totals)> = None;
        for doc in reader.doc_ids_alive() {
            let Some(grain) = columns.grain(doc) else { continue };
            match &mut last {
                Some((same, sum)) if *same == grain => columns.amounts.add(doc, sum),
                _ => {
                    let mut sum = Totals::default();
                    columns.amounts.add(doc, &mut sum);
                    if let Some((grain, sum)) = last.replace((grain, sum)) {
                        sums.entry(grain).or_default().add(&sum);
                    }
                }
            }
        }
        if let Some((grain, sum)) = last {
            sums.entry(grain).or_default().add(&sum);
        }
        let mut sums: Vec<(Grain, Totals)> = sums.into_iter().collect();
        sums.sort_unstable_by_key(|(grain, _)| *grain);
        let models = columns.model.values(Column::ModelName, sums.iter().filter_map(|(grain, _)| grain.model))?;
        let statuses = columns.status.values(Column::Status, sums.iter().filter_map(|(grain, _)| grain.status))?;
        let projects = columns.project.values(Column::ProjectId, sums.iter().map(|(grain, _)| grain.project))?;
        let projects = projects.into_iter().filter_map(|(ordinal, value)| {
            let Value::Id(id) = value else { return None };
            let start = sums.partition_point(|(grain, _)| grain.project < ordinal);
            let own = sums.get(start..)?.iter().take_while(|(grain, _)| grain.project == ordinal);
            let (count, calls) = own.fold((0, 0), |(count, calls), (_, sum)| (count + 1, calls + sum.calls));
            Some(ProjectSums { ordinal, project: ProjectId(id), sums: start..start + count, calls })
        });
        let first = FirstSeen { projects: projects.collect(), models, statuses, sums };
        Ok(Self { first: Arc::new(first), deleted: Arc::default() })
    }

    /// The sums once these documents, all counted so far, are deleted.
    pub(super) fn without(
        &self,
        documents: &[DocId],
        reader: &SegmentReader,
        fields: &CallFields,
    ) -> tantivy::Result<Self> {
        let columns = CounterColumns::open(reader, fields)?;
        let mut deleted = Deleted::clone(&self.deleted);
        for doc in documents {
            let Some(grain) = columns.grain(*doc) else { continue };
            if let Ok(at) = self.first.sums.binary_search_by_key(&grain, |(grain, _)| *grain) {
                columns.amounts.add(*doc, deleted.sums.entry(at).or_default());
                *deleted.calls.entry(grain.project).or_default() += 1;
            }
        }
        Ok(Self { first: Arc::clone(&self.first), deleted: Arc::new(deleted) })
    }

    /// How many calls a scope includes.
    pub(crate) fn calls(&self, scope: ReadScope) -> i128 {
        let left = |own: &ProjectSums| own.calls - self.deleted.calls.get(&own.ordinal).unwrap_or(&0);
        match scope {
            ReadScope::EveryProject => self.first.projects.iter().map(left).sum(),
            ReadScope::Project(project) => self.first.project(project).map_or(0, left),
        }
    }

    /// The sums of the calls that a scope includes.
    pub(crate) fn cells(&self, scope: ReadScope) -> impl Iterator<Item = Cell<'_>> {
        let FirstSeen { projects, models, statuses, sums } = &*self.first;
        let range = match scope {
            ReadScope::EveryProject => 0..sums.len(),
            ReadScope::Project(project) => self.first.project(project).map_or(0..0, |own| own.sums.clone()),
        };
        let start = range.start;
        sums.get(range).unwrap_or_default().iter().zip(start..).filter_map(move |((grain, sum), at)| {
            let project = projects.binary_search_by_key(&grain.project, |own| own.ordinal).ok()?;
            let cell = Cell {
                project: projects.get(project)?.project,
                day: grain.day,
                model: grain.model.and_then(|ordinal| models.get(&ordinal)).unwrap_or(&Value::Null),
                status: grain.status.and_then(|ordinal| statuses.get(&ordinal)).unwrap_or(&Value::Null),
                first: sum,
                deleted: self.deleted.sums.get(&at),
            };
            (cell.calls() != 0).then_some(cell)
        })
    }

    pub(super) fn add_to(&self, counters: &mut Counters) {
        let text = |value: &Value| value.as_text().map(Box::from);
        for cell in self.cells(ReadScope::EveryProject) {
            let key =
                CounterKey { project: cell.project, day: cell.day, model: text(cell.model), status: text(cell.status) };
            cell.add_to(counters.entry(key).or_default());
        }
    }
}

impl FirstSeen {
    fn project(&self, project: ProjectId) -> Option<&ProjectSums> {
        let at = self.projects.binary_search_by_key(&project, |own| own.project).ok()?;
        self.projects.get(at)
    }
}

/// The columns that the sums are by and of.
struct CounterColumns {
    project: FastColumn,
    created_at: FastColumn,
    model: FastColumn,
    status: FastColumn,
    amounts: AmountColumns,
}

impl CounterColumns {
    fn open(reader: &SegmentReader, fields: &CallFields) -> tantivy::Result<Self> {
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
    fn grain(&self, doc: DocId) -> Option<Grain> {
        Some(Grain {
            day: Date(in_i64(self.created_at.first(doc)?)).day(),
            project: self.project.first(doc)?,
            model: self.model.first(doc),
            status: self.status.first(doc),
        })
    }
}
