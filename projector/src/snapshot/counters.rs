//! Sums over the visible calls of a segment, by project, UTC day of `createdAt`, model and status.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::slice;
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
    sums: BTreeMap<usize, Totals>,
    /// By ordinal of the project.
    calls: HashMap<u64, i128>,
}

#[derive(Debug)]
struct FirstSeen {
    /// By ordinal, and so by id too.
    projects: Vec<ProjectSums>,
    /// By ordinal, as are statuses.
    models: Vec<Value>,
    statuses: Vec<Value>,
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
        let projects = projects.collect();
        let first = FirstSeen { projects, models: by_ordinal(models), statuses: by_ordinal(statuses), sums };
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
        let included = match scope {
            ReadScope::EveryProject => projects.as_slice(),
            ReadScope::Project(project) => self.first.project(project).map(slice::from_ref).unwrap_or_default(),
        };
        included.iter().flat_map(move |own| {
            let own_sums = sums.get(own.sums.clone()).unwrap_or_default();
            let mut deleted = self.deleted.sums.range(own.sums.clone()).peekable();
            own_sums.iter().zip(own.sums.start..).filter_map(move |((grain, first), at)| {
                let cell = Cell {
                    project: own.project,
                    day: grain.day,
                    model: at_ordinal(models, grain.model),
                    status: at_ordinal(statuses, grain.status),
                    first,
                    deleted: deleted.next_if(|(place, _)| **place == at).map(|(_, deleted)| deleted),
                };
                (cell.calls() != 0).then_some(cell)
            })
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

fn by_ordinal(values: BTreeMap<u64, Value>) -> Vec<Value> {
    let mut all = Vec::new();
    for (ordinal, value) in values {
        all.resize(usize::try_from(ordinal).unwrap_or_default(), Value::Null);
        all.push(value);
    }
    all
}

fn at_ordinal(values: &[Value], ordinal: Option<u64>) -> &Value {
    ordinal.and_then(|ordinal| values.get(usize::try_from(ordinal).ok()?)).unwrap_or(&Value::Null)
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
