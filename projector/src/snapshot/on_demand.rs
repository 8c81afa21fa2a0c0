//! What is derived from the long texts of a segment, made when a read first needs it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::index::schema::LONG_TEXTS;

/// One of a kind for each long text of a segment.
#[derive(Debug)]
pub(crate) struct OnDemand<T>([Mutex<Option<Arc<T>>>; LONG_TEXTS.len()]);

impl<T> Default for OnDemand<T> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl<T> OnDemand<T> {
    /// That of the long text at this place of [`LONG_TEXTS`]. Whoever comes while it is made waits for it.
    pub(crate) fn of<E>(&self, place: usize, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let Some(slot) = self.0.get(place) else { return make().map(Arc::new) };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*slot {
            return Ok(Arc::clone(made));
        }
        let new = Arc::new(make()?);
        *slot = Some(Arc::clone(&new));
        Ok(new)
    }
}
