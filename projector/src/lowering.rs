//! What a filter asks of the documents of each segment.

mod exact;
mod ids;
mod like;
mod long_text;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemas::access::ReadScope;
use schemas::like::LikePattern;
use schemas::limits::TEXT_QUERY_WORDS;
use schemas::model::Column;
use schemas::query::{Bounds, Filter, TextQuery};
use schemas::value::Value;
use tantivy::index::SegmentId;
use tantivy::{BitSet, SegmentReader, Term};

use crate::full_text::Words;
use crate::relevance::Weights;
use crate::search::{Plan, Search, SearchError};
use crate::snapshot::{FastColumn, Segment};

pub(crate) use exact::number;

/// The part of a read that a time limit names.
const PART: &str = "looking for words";

/// A filter that has been checked, its texts split into words.
pub(crate) struct Condition<'f> {
    part: Part<'f>,
    /// Of the segments so far: to count and to list takes looking for the words of a segment only once.
    plans: Mutex<HashMap<SegmentId, Arc<Plan>>>,
}

#[derive(Debug)]
enum Part<'f> {
    All(Vec<Part<'f>>),
    Any(Vec<Part<'f>>),
    Not(Box<Part<'f>>),
    Null(Column),
    OneOf(Column, &'f [Value]),
    Range(Column, &'f Bounds),
    Words(Words),
    Like(Vec<Column>, &'f LikePattern),
}

impl<'f> Condition<'f> {
    /// Words that match say how well when there are weights.
    pub(crate) fn of(filter: &'f Filter, mut weights: Option<Weights>, search: &Search) -> Result<Self, SearchError> {
        Ok(Self { part: Part::of(filter, &mut weights, search)?, plans: Mutex::default() })
    }

    /// The documents of a segment that match, within the scope and the partitions of the read.
    pub(crate) fn plan(
        &self,
        search: &Search,
        reader: &SegmentReader,
        segment: &Segment,
    ) -> Result<Arc<Plan>, SearchError> {
        let known = self.plans().get(&reader.segment_id()).map(Arc::clone);
        if let Some(plan) = known {
            return Ok(plan);
        }
        let place = Place { search, reader, segment, held: &HeldWords::default() };
        let plan = Arc::new(Plan::all([place.scope()?, place.partitions()?, self.part.plan(place)?]));
        self.plans().insert(reader.segment_id(), Arc::clone(&plan));
        Ok(plan)
    }

    /// From now on these are the documents of the segment: all that match, those aside that no read visits.
    pub(crate) fn settle(&self, reader: &SegmentReader, documents: BitSet) {
        self.plans().insert(reader.segment_id(), Arc::new(Plan::Set(Arc::new(documents))));
    }

    fn plans(&self) -> MutexGuard<'_, HashMap<SegmentId, Arc<Plan>>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'f> Part<'f> {
    fn of(filter: &'f Filter, weights: &mut Option<Weights>, search: &Search) -> Result<Self, SearchError> {
        let mut each = |filters: &'f [Filter]| {
            filters.iter().map(|filter| Self::of(filter, weights, search)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match filter {
            Filter::All(filters) => Self::All(each(filters)?),
            Filter::Any(filters) => Self::Any(each(filters)?),
            Filter::Not(filter) => Self::Not(Box::new(Self::of(filter, &mut None, search)?)),
            Filter::Null(column) => Self::Null(scalar(*column)?),
            Filter::Equal(column, value) => {
                exact::check(scalar(*column)?, [value])?;
                Self::OneOf(*column, std::slice::from_ref(value))
            }
            Filter::OneOf(column, values) => {
                exact::check(scalar(*column)?, values)?;
                Self::OneOf(*column, values)
            }
            Filter::Range(column, bounds) => {
                let values = bounds.lower.iter().chain(&bounds.upper).map(|bound| &bound.value);
                exact::check(scalar(*column)?, values.clone())?;
                if values.clone().any(Value::is_null) {
                    return Err(SearchError::Refused(format!("{}: a range can't begin or end at null", column.name())));
                }
                Self::Range(*column, bounds)
            }
            Filter::Like(columns, pattern) => {
                Self::Like(columns.iter().copied().map(scalar).collect::<Result<_, _>>()?, pattern)
            }
            Filter::FullText(columns, query) => Self::of_text(columns, query, weights, search)?,
        })
    }

    fn of_text(
        columns: &[Column],
        query: &TextQuery,
        weights: &mut Option<Weights>,
        search: &Search,
    ) -> Result<Self, SearchError> {
        let mut each = |queries: &[TextQuery]| {
            queries.iter().map(|query| Self::of_text(columns, query, weights, search)).collect::<Result<Vec<_>, _>>()
        };
        let (text, prefix) = match query {
            TextQuery::All(queries) => return Ok(Self::All(each(queries)?)),
            TextQuery::Any(queries) => return Ok(Self::Any(each(queries)?)),
            TextQuery::Not(query) => {
                return Ok(Self::Not(Box::new(Self::of_text(columns, query, &mut None, search)?)));
            }
            TextQuery::Term(text) | TextQuery::Phrase(text) => (text, false),
            TextQuery::Prefix(text) => (text, true),
        };
        let weight = weights.as_mut().and_then(Weights::next);
        Ok(Self::Words(Words::new(columns, text, prefix, weight, &search.snapshot)?))
    }

    fn plan(&self, place: Place<'_>) -> Result<Plan, SearchError> {
        let each = |parts: &[Self]| parts.iter().map(|part| part.plan(place)).collect::<Result<Vec<_>, _>>();
        match self {
            Self::All(parts) => Ok(Plan::all(each(parts)?)),
            Self::Any(parts) => Ok(Plan::any(each(parts)?)),
            Self::Not(part) => Ok(part.plan(place)?.but()),
            Self::Null(column) => place.null(*column),
            Self::OneOf(column, values) => place.one_of(*column, values),
            Self::Range(column, bounds) => place.range(*column, bounds),
            Self::Words(words) => place.words(words),
            Self::Like(columns, pattern) => {
                let plans = columns.iter().map(|column| place.like(*column, pattern));
                Ok(Plan::any(plans.collect::<Result<Vec<_>, _>>()?))
            }
        }
    }
}

fn scalar(column: Column) -> Result<Column, SearchError> {
    match column.relation() {
        None => Ok(column),
        Some(_) => Err(SearchError::Refused(format!("{}: relations are not kept with calls", column.name()))),
    }
}

/// A segment that a filter is carried out in.
#[derive(Clone, Copy)]
struct Place<'a> {
    search: &'a Search,
    reader: &'a SegmentReader,
    segment: &'a Segment,
    held: &'a HeldWords,
}

/// How many words of the segment's dictionaries the plan of a filter holds so far.
#[derive(Debug, Default)]
struct HeldWords {
    of_full_text: Cell<usize>,
    of_patterns: Cell<usize>,
}

impl Place<'_> {
    /// The documents with these words, which with all others of the filter are not too many.
    fn words(self, words: &Words) -> Result<Plan, SearchError> {
        self.search.watch.check(PART)?;
        let plan = words.plan(self.reader, self.segment)?;
        let held = self.held.of_full_text.get() + plan.words();
        self.held.of_full_text.set(held);
        if held <= TEXT_QUERY_WORDS {
            return Ok(plan);
        }
        Err(SearchError::Refused(format!(
            "FullText: the query stands for more than {TEXT_QUERY_WORDS} words: expected fewer words or longer beginnings"
        )))
    }

    /// The calls that the read may see.
    fn scope(self) -> Result<Plan, SearchError> {
        match self.search.scope {
            // Only what queries show has a project.
            ReadScope::Project(project) => {
                let plan = self.one_of(Column::ProjectId, &[Value::Id(project.0)])?;
                let Plan::Terms(index, terms) = &plan else { return Ok(plan) };
                let [term] = terms.as_slice() else { return Ok(plan) };
                let known = self.segment.project_documents();
                let documents = known.of(project, (index, term), self.reader.max_doc())?;
                Ok(documents.map_or(plan, Plan::Set))
            }
            ReadScope::EveryProject => {
                let visible = self.search.snapshot.fields().visible;
                self.terms(visible, [Term::from_field_u64(visible, 1)])
            }
        }
    }

    fn partitions(self) -> Result<Plan, SearchError> {
        let Some(partitions) = &self.search.partitions else { return Ok(Plan::Everything) };
        let column = FastColumn::open(self.reader, self.search.snapshot.fields().partition)?;
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for partition in partitions.iter().copied().map(u64::from) {
            match runs.last_mut() {
                Some((_, end)) if *end + 1 == partition => *end = partition,
                _ => runs.push((partition, partition)),
            }
        }
        Ok(Plan::any(runs.into_iter().map(|(start, end)| exact::within(&column.values, start..=end))))
    }
}
