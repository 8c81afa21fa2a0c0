//! How much memory bodies take, of all requests together.

use std::sync::Arc;

use schemas::limits::BODIES_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Too many large bodies are being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoMemory;

/// The memory that all bodies share.
#[derive(Debug, Clone)]
pub(crate) struct BodyMemory(Arc<Semaphore>);

impl Default for BodyMemory {
    fn default() -> Self {
        Self::new(BODIES_BYTES)
    }
}

impl BodyMemory {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// An empty hold on the memory.
    pub(super) fn hold(&self) -> HeldMemory {
        HeldMemory { memory: self.0.clone(), permit: None }
    }
}

/// What one request's body takes; given back when dropped.
#[derive(Debug)]
pub(crate) struct HeldMemory {
    memory: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl HeldMemory {
    /// Takes more, at once or not at all: who waited would hold what others wait for.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let permits = u32::try_from(bytes).map_err(|_| NoMemory)?;
        let permit = self.memory.clone().try_acquire_many_owned(permits).map_err(|_| NoMemory)?;
        match &mut self.permit {
            Some(mine) => mine.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_request_holds_others_can_not_have_until_it_ends() {
        let memory = BodyMemory::new(100);
        let (mut one, mut two) = (memory.hold(), memory.hold());
        assert_eq!((one.grow(60), one.grow(30)), (Ok(()), Ok(())));
        assert_eq!(two.grow(11), Err(NoMemory));
        assert_eq!(two.grow(10), Ok(()));
        drop(one);
        assert_eq!(two.grow(90), Ok(()));
    }
}
