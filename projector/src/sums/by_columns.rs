//! Counts and sums from the columns of the calls that match.

use std::collections::HashMap;

use schemas::model::{Column, ColumnType};
use schemas::query::Filter;
use schemas::stats::{Durations, Group, GroupBy, Groups, is_error};
use schemas::time::Date;
use schemas::value::Value;
use tantivy::{BitSet, DocId, SegmentReader};

use super::{DAY_MS, check_groups};
use crate::lowering::Condition;
use crate::search::{Search, SearchError, blocks, created_within};
use crate::snapshot::{AmountColumns, FastColumn, Segment, in_i64};

pub(super) fn count(search: &Search, filter: &Filter, condition: &Condition<'_>) -> Result<u64, SearchError> {
    let counts = search.fold_segments(
        || 0,
        |calls, _, reader, segment| {
            let worth_keeping = condition.plan(search, reader, segment)?.is_worth_keeping();
            let mut found = worth_keeping.then(|| BitSet::with_max_value(reader.max_doc()));
            visit(search, filter, condition, reader, segment, "counting", |doc| {
                *calls += 1;
                if let Some(found) = &mut found {
                    found.insert(doc);
                }
                Ok(())
            })?;
            if let Some(found) = found {
                condition.settle(reader, found);
            }
            Ok(())
        },
    )?;
    Ok(counts.into_iter().sum())
}

pub(super) fn stats(
    search: &Search,
    filter: &Filter,
    group_by: &[GroupBy],
    percentiles: bool,
) -> Result<Groups, SearchError> {
    let condition = Condition::of(filter, None, search)?;
    let parts = search.fold_segments(Groups::new, |groups, _, reader, segment| {
        let mut sums = SegmentSums::open(search, reader, group_by, percentiles)?;
        visit(search, filter, &condition, reader, segment, "adding up", |doc| sums.add(doc))?;
        merge(groups, sums.finish()?);
        check_groups(groups.len(), group_by)
    })?;
    let mut parts = parts.into_iter();
    let mut groups = parts.next().unwrap_or_default();
    parts.for_each(|part| merge(&mut groups, part));
    check_groups(groups.len(), group_by)?;
    Ok(groups)
}

fn merge(groups: &mut Groups, more: impl IntoIterator<Item = (Vec<Value>, Group)>) {
    for (key, group) in more {
        groups.entry(key).or_default().merge(&group);
    }
}

fn visit(
    search: &Search,
    filter: &Filter,
    condition: &Condition<'_>,
    reader: &SegmentReader,
    segment: &Segment,
    part: &'static str,
    mut take: impl FnMut(DocId) -> Result<(), SearchError>,
) -> Result<(), SearchError> {
    let within = created_within(filter);
    let plan = condition.plan(search, reader, segment)?;
    let mut documents = plan.documents(search.read(reader, part))?;
    let ranges = blocks(segment, &within).map(|(range, _)| range);
    search.visit(reader, &mut *documents, ranges, part, |doc, _| take(doc))
}

/// What a call is grouped by, in the numbers and ordinals of one segment.
type RawKey = Box<[Option<u64>]>;

/// The sums of one segment.
struct SegmentSums<'a> {
    group_by: &'a [GroupBy],
    columns: Vec<FastColumn>,
    amounts: AmountColumns,
    status: FastColumn,
    /// By ordinal of `status`.
    errors: HashMap<u64, bool>,
    durations: Option<FastColumn>,
    places: HashMap<RawKey, usize>,
    groups: Vec<Group>,
    /// The key and place of the last call, which the next one mostly shares.
    last: Option<(RawKey, usize)>,
}

impl<'a> SegmentSums<'a> {
    fn open(
        search: &Search,
        reader: &SegmentReader,
        group_by: &'a [GroupBy],
        percentiles: bool,
    ) -> Result<Self, SearchError> {
        let fields = search.snapshot.fields();
        let columns = group_by.iter().map(|by| {
            let column = match by {
                GroupBy::Day => Column::CreatedAt,
                GroupBy::Column(column) => *column,
            };
            match column.column_type() {
                ColumnType::LongText | ColumnType::VeryLongText | ColumnType::Relation(_) => {
                    Err(SearchError::Refused(format!("groupBy: calls can't be grouped by {}", column.name())))
                }
                _ if column == Column::Id => {
                    Err(SearchError::Refused("groupBy: calls can't be grouped by _id".to_owned()))
                }
                _ => Ok(FastColumn::of(reader, fields, column)?),
            }
        });
        Ok(Self {
            columns: columns.collect::<Result<_, _>>()?,
            amounts: AmountColumns::open(reader, fields)?,
            status: FastColumn::of(reader, fields, Column::Status)?,
            errors: HashMap::new(),
            durations: percentiles.then(|| FastColumn::of(reader, fields, Column::DurationMs)).transpose()?,
            places: HashMap::new(),
            groups: Vec::new(),
            last: None,
            group_by,
        })
    }

    fn add(&mut self, doc: DocId) -> Result<(), SearchError> {
        let is_error = self.is_error(doc)?;
        let place = self.place(doc)?;
        let Some(group) = self.groups.get_mut(place) else { return Ok(()) };
        self.amounts.add(doc, &mut group.totals);
        group.totals.errors += i128::from(is_error);
        if let (Some(durations), Some(column)) = (&mut group.durations, &self.durations)
            && let Some(duration) = column.first(doc)
        {
            durations.record(in_i64(duration));
        }
        Ok(())
    }

    fn is_error(&mut self, doc: DocId) -> Result<bool, SearchError> {
        let Some(ordinal) = self.status.first(doc) else { return Ok(false) };
        if let Some(known) = self.errors.get(&ordinal) {
            return Ok(*known);
        }
        let status = self.status.value(Column::Status, ordinal)?;
        let is_error = status.as_text().is_some_and(is_error);
        self.errors.insert(ordinal, is_error);
        Ok(is_error)
    }

    /// The place of the call's group, a new one if need be.
    fn place(&mut self, doc: DocId) -> Result<usize, SearchError> {
        let raw = |(by, column): (&GroupBy, &FastColumn)| match by {
            GroupBy::Day => column.first(doc).map(|instant| {
                let day = i64::from(Date(in_i64(instant)).day());
                tantivy::i64_to_u64(day * DAY_MS)
            }),
            GroupBy::Column(_) => column.first(doc),
        };
        let keys = self.group_by.iter().zip(&self.columns);
        if let Some((last, place)) = &self.last
            && keys.clone().map(raw).eq(last.iter().copied())
        {
            return Ok(*place);
        }
        let key: RawKey = keys.map(raw).collect();
        let place = if let Some(place) = self.places.get(&key) {
            *place
        } else {
            let percentiles = self.durations.is_some();
            check_groups(self.groups.len() + 1, self.group_by)?;
            self.groups.push(Group { durations: percentiles.then(Durations::default), ..Group::default() });
            self.places.insert(key.clone(), self.groups.len() - 1);
            self.groups.len() - 1
        };
        self.last = Some((key, place));
        Ok(place)
    }

    /// The groups by the values that they have in common.
    fn finish(self) -> Result<Vec<(Vec<Value>, Group)>, SearchError> {
        let mut groups = Vec::with_capacity(self.groups.len());
        let mut keys: Vec<(RawKey, usize)> = self.places.into_iter().collect();
        keys.sort_unstable_by_key(|(_, place)| *place);
        for ((key, _), group) in keys.into_iter().zip(self.groups) {
            let values = key.iter().zip(self.group_by.iter().zip(&self.columns)).map(|(raw, (by, column))| {
                Ok(match (raw, by) {
                    (None, _) => Value::Null,
                    (Some(raw), GroupBy::Day) => Value::Date(Date(in_i64(*raw))),
                    (Some(raw), GroupBy::Column(of)) => column.value(*of, *raw)?,
                })
            });
            groups.push((values.collect::<Result<_, SearchError>>()?, group));
        }
        Ok(groups)
    }
}
