//! Conditions on the call id, which is kept as two halves and as part of the key.

use schemas::access::ReadScope;
use schemas::id::{CallId, CallKey};
use schemas::like::LikePattern;
use schemas::query::Bounds;
use schemas::value::Value;
use uuid::Uuid;

use super::Place;
use crate::index::document::key_term;
use crate::search::{Plan, SearchError, Test};
use crate::snapshot::FastColumn;

impl Place<'_> {
    pub(super) fn ids_among(self, values: &[Value]) -> Result<Plan, SearchError> {
        let mut ids: Vec<Uuid> = values.iter().filter_map(id).collect();
        let fields = self.search.snapshot.fields();
        match self.search.scope {
            ReadScope::Project(project) => {
                let keys = ids.into_iter().map(|id| key_term(fields, CallKey { project, call: CallId(id) }));
                self.terms(fields.key, keys)
            }
            ReadScope::EveryProject if ids.is_empty() => Ok(Plan::Nothing),
            ReadScope::EveryProject => {
                ids.sort_unstable();
                self.ids(move |id| ids.binary_search(&id).is_ok())
            }
        }
    }

    pub(super) fn ids_within(self, bounds: &Bounds) -> Result<Plan, SearchError> {
        let bounds = bounds.clone();
        self.ids(move |id| bounds.contains(&Value::Id(id)))
    }

    pub(super) fn ids_like(self, pattern: &LikePattern) -> Result<Plan, SearchError> {
        let mut matcher = pattern.matcher();
        self.ids(move |id| matcher.matches_value(&Value::Id(id)))
    }

    fn ids(self, wanted: impl FnMut(Uuid) -> bool + Clone + Send + Sync + 'static) -> Result<Plan, SearchError> {
        let fields = self.search.snapshot.fields();
        let high = FastColumn::open(self.reader, fields.id_high)?.values;
        let low = FastColumn::open(self.reader, fields.id_low)?.values;
        Ok(Plan::Tested(
            Box::new(Plan::Everything),
            Box::new(move || {
                let (high, low, mut wanted) = (high.clone(), low.clone(), wanted.clone());
                let test: Test = Box::new(move |doc| {
                    let id = high.first(doc).zip(low.first(doc));
                    id.is_some_and(|(high, low)| wanted(Uuid::from_u64_pair(high, low)))
                });
                Ok(test)
            }),
        ))
    }
}

fn id(value: &Value) -> Option<Uuid> {
    match value {
        Value::Id(id) => Some(*id),
        _ => None,
    }
}
