//! Conditions on long texts: what hash and head leave open is decided on the stored text.

use std::ops::Bound as End;
use std::sync::Arc;

use schemas::fold::StoredTexts;
use schemas::model::Column;
use schemas::query::{Bound, Bounds};
use schemas::value::Value;

use super::Place;
use super::exact::{ordinals, within};
use crate::index::document::{text_hash, text_head};
use crate::index::schema::{HEAD_BYTES, LongTextFields};
use crate::search::{MakeTest, Plan, SearchError, Test};
use crate::snapshot::FastColumn;
use crate::state::StateReader;

impl Place<'_> {
    pub(super) fn text_is(self, column: Column, long: LongTextFields, text: &str) -> Result<Plan, SearchError> {
        let hashes = FastColumn::open(self.reader, long.hash)?;
        let hash = text_hash(text);
        let text: Arc<str> = text.into();
        self.read_text(column, within(&hashes.values, hash..=hash), move |stored| *stored == *text)
    }

    pub(super) fn text_within(
        self,
        column: Column,
        long: LongTextFields,
        bounds: &Bounds,
    ) -> Result<Plan, SearchError> {
        let heads = FastColumn::open(self.reader, long.head)?;
        let Some(dictionary) = &heads.dictionary else { return Ok(Plan::Nothing) };
        let head = |bound: &Option<Bound>| {
            bound.as_ref().and_then(|bound| bound.value.as_text()).map_or(&[][..], text_head).to_vec()
        };
        let (lower, upper) = (head(&bounds.lower), head(&bounds.upper));
        // The texts whose heads lie strictly between the heads of the bounds are within the bounds.
        let between = |end: &Option<Bound>, head: &[u8]| match end {
            None => End::Unbounded,
            Some(_) => End::Excluded(head.to_vec()),
        };
        let (first, last) =
            dictionary.term_bounds_to_ord(between(&bounds.lower, &lower), between(&bounds.upper, &upper))?;
        let mut plans = vec![ordinals(first, last).map_or(Plan::Nothing, |range| within(&heads.values, range))];
        // Those with the head of a bound have to be read.
        let mut same: Vec<&Vec<u8>> = Vec::new();
        same.extend(bounds.lower.as_ref().map(|_| &lower));
        same.extend(bounds.upper.as_ref().map(|_| &upper).filter(|head| !same.contains(head)));
        for head in same {
            let Some(ordinal) = dictionary.term_ord(head)? else { continue };
            let with_head = within(&heads.values, ordinal..=ordinal);
            let bounds = bounds.clone();
            plans.push(if head.len() < HEAD_BYTES {
                // The head is all of the text.
                let text = Value::text(String::from_utf8_lossy(head));
                if bounds.contains(&text) { with_head } else { Plan::Nothing }
            } else {
                self.read_text(column, with_head, move |stored| bounds.contains(&Value::text(stored)))?
            });
        }
        Ok(Plan::any(plans))
    }

    /// Those documents of a plan whose stored text passes. None is read that the read may not see, also where other
    /// documents are found in another way.
    pub(super) fn read_text(
        self,
        column: Column,
        plan: Plan,
        passes: impl FnMut(&str) -> bool + Clone + Send + Sync + 'static,
    ) -> Result<Plan, SearchError> {
        if matches!(plan, Plan::Nothing) {
            return Ok(Plan::Nothing);
        }
        let (reader, watch) = (self.reader.clone(), Arc::clone(&self.search.watch));
        let make: MakeTest = Box::new(move || {
            let (states, watch, mut passes) = (StateReader::open(&reader)?, Arc::clone(&watch), passes.clone());
            let mut passes = move |doc| {
                let bytes = states.bytes(doc)?;
                Ok::<_, SearchError>(StoredTexts::of(&bytes)?.get(column).is_some_and(&mut passes))
            };
            let test: Test = Box::new(move |doc| {
                watch.count_text();
                match passes(doc) {
                    Ok(passes) => passes,
                    Err(error) => {
                        watch.fail(error);
                        false
                    }
                }
            });
            Ok(test)
        });
        Ok(Plan::Read(Box::new(Plan::all([self.scope()?, plan])), vec![make]))
    }
}
