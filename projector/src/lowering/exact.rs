//! Conditions on columns that are kept exactly.

use std::ops::{Bound as End, RangeInclusive};
use std::sync::Arc;

use schemas::model::Column;
use schemas::query::{Bound, Bounds};
use schemas::value::Value;
use tantivy::schema::Field;
use tantivy::{BitSet, Term, columnar, i64_to_u64};

use super::{PART, Place};
use crate::index::schema::ColumnField;
use crate::search::{Plan, SearchError, Test};
use crate::snapshot::FastColumn;

/// Terms looked for between two looks at the time limit.
const TERMS_A_LOOK: u32 = 1024;

/// Refuses values that the column can't hold.
pub(super) fn check<'v>(column: Column, values: impl IntoIterator<Item = &'v Value>) -> Result<(), SearchError> {
    if values.into_iter().all(|value| value.fits(column)) {
        return Ok(());
    }
    let expected = column.column_type().expectation();
    Err(SearchError::Refused(format!("{}: expected {expected}", column.name())))
}

/// The documents whose value is in the range.
pub(super) fn within(column: &columnar::Column<u64>, range: RangeInclusive<u64>) -> Plan {
    match column.index {
        columnar::ColumnIndex::Empty { .. } => Plan::Nothing,
        _ if range.is_empty() => Plan::Nothing,
        columnar::ColumnIndex::Full if range == (0..=u64::MAX) => Plan::Everything,
        _ => Plan::Range(column.clone(), range),
    }
}

impl Place<'_> {
    pub(super) fn null(self, column: Column) -> Result<Plan, SearchError> {
        if column == Column::Id {
            return Ok(Plan::Nothing);
        }
        self.not_null(column).map(Plan::but)
    }

    pub(super) fn not_null(self, column: Column) -> Result<Plan, SearchError> {
        let fields = self.search.snapshot.fields();
        let values = match fields.column(column) {
            // Nothing else has no field: columns that are null in every call.
            None => return Ok(if column == Column::Id { Plan::Everything } else { Plan::Nothing }),
            Some(ColumnField::Long(long)) => FastColumn::open(self.reader, long.hash)?,
            Some(_) => FastColumn::of(self.reader, fields, column)?,
        };
        Ok(within(&values.values, 0..=u64::MAX))
    }

    pub(super) fn one_of(self, column: Column, values: &[Value]) -> Result<Plan, SearchError> {
        let fields = self.search.snapshot.fields();
        match fields.column(column) {
            None if column == Column::Id => self.ids_among(values),
            None => Ok(Plan::Nothing),
            Some(ColumnField::Whole(field)) => {
                self.terms(field, values.iter().filter_map(whole).map(|text| Term::from_field_text(field, &text)))
            }
            Some(ColumnField::Number(field) | ColumnField::Boolean(field)) => {
                let numbers = FastColumn::open(self.reader, field)?;
                Ok(among(&numbers.values, values.iter().filter_map(number).collect()))
            }
            Some(ColumnField::Long(long)) => {
                let texts = values.iter().filter_map(Value::as_text);
                Ok(Plan::any(texts.map(|text| self.text_is(column, long, text)).collect::<Result<Vec<_>, _>>()?))
            }
        }
    }

    pub(super) fn range(self, column: Column, bounds: &Bounds) -> Result<Plan, SearchError> {
        if bounds.lower.is_none() && bounds.upper.is_none() {
            return self.not_null(column);
        }
        let fields = self.search.snapshot.fields();
        match fields.column(column) {
            None if column == Column::Id => self.ids_within(bounds),
            None => Ok(Plan::Nothing),
            Some(ColumnField::Whole(field)) => {
                let texts = FastColumn::open(self.reader, field)?;
                let end = |bound: &Option<Bound>| match bound {
                    None => Some(End::Unbounded),
                    Some(bound) => whole(&bound.value)
                        .map(|text| if bound.inclusive { End::Included(text) } else { End::Excluded(text) }),
                };
                let (Some(dictionary), Some(lower), Some(upper)) =
                    (&texts.dictionary, end(&bounds.lower), end(&bounds.upper))
                else {
                    return Ok(Plan::Nothing);
                };
                let (lower, upper) = dictionary.term_bounds_to_ord(lower, upper)?;
                Ok(ordinals(lower, upper).map_or(Plan::Nothing, |range| within(&texts.values, range)))
            }
            Some(ColumnField::Number(field) | ColumnField::Boolean(field)) => {
                let numbers = FastColumn::open(self.reader, field)?;
                let end = |bound: &Option<Bound>| match bound {
                    None => Some(End::Unbounded),
                    Some(bound) => number(&bound.value)
                        .map(|number| if bound.inclusive { End::Included(number) } else { End::Excluded(number) }),
                };
                let (Some(lower), Some(upper)) = (end(&bounds.lower), end(&bounds.upper)) else {
                    return Ok(Plan::Nothing);
                };
                Ok(ordinals(lower, upper).map_or(Plan::Nothing, |range| within(&numbers.values, range)))
            }
            Some(ColumnField::Long(long)) => self.text_within(column, long, bounds),
        }
    }

    /// The documents with one of these terms.
    pub(super) fn terms(self, field: Field, terms: impl IntoIterator<Item = Term>) -> Result<Plan, SearchError> {
        let index = self.reader.inverted_index(field)?;
        let mut found = Vec::new();
        for (term, at) in terms.into_iter().zip(1..) {
            if at % TERMS_A_LOOK == 0 {
                self.search.watch.check(PART)?;
            }
            found.extend(index.get_term_info(&term)?);
        }
        // A term that was asked for twice is one.
        found.sort_unstable_by_key(|term| term.postings_range.start);
        found.dedup_by_key(|term| term.postings_range.start);
        Ok(if found.is_empty() { Plan::Nothing } else { Plan::Terms(index, found) })
    }
}

/// The documents whose value is one of these.
pub(super) fn among(column: &columnar::Column<u64>, mut numbers: Vec<u64>) -> Plan {
    numbers.sort_unstable();
    numbers.dedup();
    let (Some(first), Some(last)) = (numbers.first().copied(), numbers.last().copied()) else { return Plan::Nothing };
    let range = within(column, first..=last);
    if numbers.len() as u64 == last - first + 1 {
        return range;
    }
    let column = column.clone();
    let numbers = Numbers::new(numbers, first..=last);
    Plan::Tested(
        Box::new(range),
        Box::new(move || {
            let (column, numbers) = (column.clone(), numbers.clone());
            let test: Test = Box::new(move |doc| column.first(doc).is_some_and(|value| numbers.has(value)));
            Ok(test)
        }),
    )
}

/// Some numbers, kept in whichever way is smaller.
#[derive(Clone)]
enum Numbers {
    Sorted(Arc<[u64]>),
    /// A bit for each number from the first on.
    Bits {
        first: u64,
        bits: Arc<BitSet>,
    },
}

impl Numbers {
    /// `numbers`: in order, within the range.
    fn new(numbers: Vec<u64>, within: RangeInclusive<u64>) -> Self {
        let first = *within.start();
        let span = u32::try_from(within.end() - first).ok().and_then(|greatest| greatest.checked_add(1));
        let span = span.filter(|span| u64::from(span / u64::BITS) < numbers.len() as u64);
        let Some(span) = span else { return Self::Sorted(numbers.into()) };
        let mut bits = BitSet::with_max_value(span);
        for number in numbers {
            bits.insert(u32::try_from(number - first).expect("within the span"));
        }
        Self::Bits { first, bits: Arc::new(bits) }
    }

    fn has(&self, number: u64) -> bool {
        match self {
            Self::Sorted(numbers) => numbers.binary_search(&number).is_ok(),
            Self::Bits { first, bits } => {
                let at = number.checked_sub(*first).and_then(|at| u32::try_from(at).ok());
                at.is_some_and(|at| at < bits.max_value() && bits.contains(at))
            }
        }
    }
}

/// The values between two ends, first and last included; none when there are none.
pub(super) fn ordinals(lower: End<u64>, upper: End<u64>) -> Option<RangeInclusive<u64>> {
    let first = match lower {
        End::Unbounded => 0,
        End::Included(first) => first,
        End::Excluded(before) => before.checked_add(1)?,
    };
    let last = match upper {
        End::Unbounded => u64::MAX,
        End::Included(last) => last,
        End::Excluded(after) => after.checked_sub(1)?,
    };
    (first <= last).then_some(first..=last)
}

/// The text that a term or a fast column keeps of a value.
fn whole(value: &Value) -> Option<String> {
    match value {
        Value::Id(id) => Some(id.as_hyphenated().to_string()),
        Value::Text(text) => Some(String::from(text.as_ref())),
        _ => None,
    }
}

/// What a fast column keeps of a value, in the order of the values.
pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Boolean(value) => Some(u64::from(*value)),
        Value::Number(value) => Some(i64_to_u64(*value)),
        Value::Cents(amount) => Some(i64_to_u64(amount.0)),
        Value::Date(date) => Some(i64_to_u64(date.0)),
        Value::Null | Value::Id(_) | Value::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_the_same_however_they_are_kept(
            numbers in proptest::collection::btree_set(100_u64..1100, 1..60),
            scale in prop::sample::select(vec![1, 1 << 52]),
        ) {
            let sorted: Vec<u64> = numbers.iter().map(|number| number * scale).collect();
            let within = sorted[0]..=*sorted.last().expect("one at least");
            let kept = Numbers::new(sorted.clone(), within);
            for number in (0..1200).map(|number| number * scale).chain([u64::MAX]) {
                prop_assert_eq!(kept.has(number), sorted.contains(&number), "{}", number);
            }
        }
    }
}
