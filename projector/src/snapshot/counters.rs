//! Sums over the visible calls of a segment, by project, UTC day of `createdAt`, model and status.

mod grain;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::slice;
use std::sync::Arc;

use schemas::access::ReadScope;
use schemas::id::ProjectId;
use schemas::model::Column;
use schemas::stats::{Totals, is_error};
use schemas::value::Value;
use tantivy::{DocId, SegmentReader};

use crate::index::schema::CallFields;
use grain::{CounterColumns, Grain};

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
    /// Null when statuses are not told apart.
    pub(crate) status: &'a Value,
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
    }
}

/// Whether the calls of one project, day and model are summed by status too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statuses {
    Apart,
    Together,
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
    /// By place in [`FirstSeen::apart`].
    apart: BTreeMap<usize, Totals>,
    /// By place in [`FirstSeen::together`].
    together: BTreeMap<usize, Totals>,
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
    /// With statuses apart, in order.
    apart: Vec<(Grain, Totals)>,
    /// With statuses together, in order: several times fewer.
    together: Vec<(Grain, Totals)>,
}

/// Where the sums of one project are.
#[derive(Debug)]
struct ProjectSums {
    ordinal: u64,
    project: ProjectId,
    apart: Range<usize>,
    together: Range<usize>,
    calls: i128,
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
        let mut apart: Vec<(Grain, Totals)> = sums.into_iter().collect();
        apart.sort_unstable_by_key(|(grain, _)| *grain);
        let models = columns.model.values(Column::ModelName, apart.iter().filter_map(|(grain, _)| grain.model))?;
        let statuses = columns.status.values(Column::Status, apart.iter().filter_map(|(grain, _)| grain.status))?;
        let statuses = by_ordinal(statuses);
        for (grain, sum) in &mut apart {
            sum.errors = errors(&statuses, *grain, sum.calls);
        }
        let mut together: Vec<(Grain, Totals)> = Vec::new();
        for (grain, sum) in &apart {
            match together.last_mut() {
                Some((same, sums)) if *same == grain.of_any_status() => sums.add(sum),
                _ => together.push((grain.of_any_status(), sum.clone())),
            }
        }
        let projects = columns.project.values(Column::ProjectId, together.iter().map(|(grain, _)| grain.project))?;
        let projects = projects.into_iter().filter_map(|(ordinal, value)| {
            let Value::Id(id) = value else { return None };
            let (own_apart, own_together) = (of_project(&apart, ordinal), of_project(&together, ordinal));
            let calls = together.get(own_together.clone())?.iter().map(|(_, sum)| sum.calls).sum();
            Some(ProjectSums { ordinal, project: ProjectId(id), apart: own_apart, together: own_together, calls })
        });
        let projects = projects.collect();
        let first = FirstSeen { projects, models: by_ordinal(models), statuses, apart, together };
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
            let mut call = Totals::default();
            columns.amounts.add(*doc, &mut call);
            call.errors = errors(&self.first.statuses, grain, call.calls);
            for (first, deleted, grain) in [
                (&self.first.apart, &mut deleted.apart, grain),
                (&self.first.together, &mut deleted.together, grain.of_any_status()),
            ] {
                if let Ok(at) = first.binary_search_by_key(&grain, |(grain, _)| *grain) {
                    deleted.entry(at).or_default().add(&call);
                }
            }
            *deleted.calls.entry(grain.project).or_default() += call.calls;
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
    pub(crate) fn cells(&self, scope: ReadScope, statuses: Statuses) -> impl Iterator<Item = Cell<'_>> {
        let included = match scope {
            ReadScope::EveryProject => self.first.projects.as_slice(),
            ReadScope::Project(project) => self.first.project(project).map(slice::from_ref).unwrap_or_default(),
        };
        included.iter().flat_map(move |own| {
            let FirstSeen { models, statuses: values, apart, together, .. } = &*self.first;
            let (sums, deleted, range) = match statuses {
                Statuses::Apart => (apart, &self.deleted.apart, own.apart.clone()),
                Statuses::Together => (together, &self.deleted.together, own.together.clone()),
            };
            let own_sums = sums.get(range.clone()).unwrap_or_default();
            let mut deleted = deleted.range(range.clone()).peekable();
            own_sums.iter().zip(range.start..).filter_map(move |((grain, first), at)| {
                let cell = Cell {
                    project: own.project,
                    day: grain.day,
                    model: at_ordinal(models, grain.model),
                    status: at_ordinal(values, grain.status),
                    first,
                    deleted: deleted.next_if(|(place, _)| **place == at).map(|(_, deleted)| deleted),
                };
                (cell.calls() != 0).then_some(cell)
            })
        })
    }

    pub(super) fn add_to(&self, counters: &mut Counters) {
        let text = |value: &Value| value.as_text().map(Box::from);
        for cell in self.cells(ReadScope::EveryProject, Statuses::Apart) {
            let key =
                CounterKey { project: cell.project, day: cell.day, model: text(cell.model), status: text(cell.status) };
            cell.add_to(counters.entry(key).or_default());
        }
    }
}

fn of_project(sums: &[(Grain, Totals)], ordinal: u64) -> Range<usize> {
    let start = sums.partition_point(|(grain, _)| grain.project < ordinal);
    start..sums.partition_point(|(grain, _)| grain.project <= ordinal)
}

/// How many of these calls are errors: all or none, as their status says.
fn errors(statuses: &[Value], grain: Grain, calls: i128) -> i128 {
    if at_ordinal(statuses, grain.status).as_text().is_some_and(is_error) { calls } else { 0 }
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
