//! How much memory bodies take, of all requests together and of each sender.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemas::access::Principal;
use schemas::id::ProjectId;
use schemas::limits::BODIES_BYTES;

/// Too many large bodies are being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoMemory;

/// Who sends a body, by what is known before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sender {
    Master,
    Project(ProjectId),
    /// All without a valid key together.
    Unknown,
}

impl Sender {
    pub(crate) fn of(principal: Option<&Principal>) -> Self {
        match principal {
            Some(Principal::Master) => Self::Master,
            Some(Principal::Key { project, .. }) => Self::Project(*project),
            None => Self::Unknown,
        }
    }

    /// What it may take of all the memory. The greatest body alone has to fit into that of a project.
    fn share(self, bytes: usize) -> usize {
        match self {
            Self::Master => bytes,
            Self::Project(_) => bytes / 4 * 3,
            Self::Unknown => bytes / 16,
        }
    }
}

/// The memory that all bodies share.
#[derive(Debug, Clone)]
pub(crate) struct BodyMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<Sender, usize>,
}

impl Default for BodyMemory {
    fn default() -> Self {
        Self::new(BODIES_BYTES)
    }
}

impl BodyMemory {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Shared { bytes, taken: Mutex::default() }))
    }

    /// An empty hold on the memory.
    pub(super) fn hold(&self, sender: Sender) -> HeldMemory {
        HeldMemory { memory: self.clone(), sender, bytes: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one request's body takes; given back when dropped.
#[derive(Debug)]
pub(crate) struct HeldMemory {
    memory: BodyMemory,
    sender: Sender,
    bytes: usize,
}

impl HeldMemory {
    /// Takes more, at once or not at all: who waited would hold what others wait for.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let mut taken = self.memory.lock();
        let all = taken.all.saturating_add(bytes);
        let mine = taken.of.get(&self.sender).map_or(bytes, |mine| mine.saturating_add(bytes));
        let total = self.memory.0.bytes;
        if all > total || mine > self.sender.share(total) {
            return Err(NoMemory);
        }
        taken.all = all;
        taken.of.insert(self.sender, mine);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        let mut taken = self.memory.lock();
        taken.all -= self.bytes;
        if let Entry::Occupied(mut mine) = taken.of.entry(self.sender) {
            *mine.get_mut() -= self.bytes;
            if *mine.get() == 0 {
                mine.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_one_request_holds_others_can_not_have_until_it_ends() {
        let memory = BodyMemory::new(100);
        let (mut one, mut two) = (memory.hold(Sender::Master), memory.hold(Sender::Master));
        assert_eq!((one.grow(60), one.grow(30)), (Ok(()), Ok(())));
        assert_eq!(two.grow(11), Err(NoMemory));
        assert_eq!(two.grow(10), Ok(()));
        drop(one);
        assert_eq!(two.grow(90), Ok(()));
    }

    #[test]
    fn nobody_takes_what_is_left_for_others() {
        let memory = BodyMemory::new(160);
        let project = |number| memory.hold(Sender::Project(ProjectId(Uuid::from_u128(number))));
        let (mut first, mut second, mut other) = (project(1), project(1), project(2));
        assert_eq!((first.grow(100), second.grow(20)), (Ok(()), Ok(())));
        assert_eq!((first.grow(1), second.grow(1)), (Err(NoMemory), Err(NoMemory)));
        let (mut unknown, mut another) = (memory.hold(Sender::Unknown), memory.hold(Sender::Unknown));
        assert_eq!((unknown.grow(10), another.grow(1)), (Ok(()), Err(NoMemory)));
        assert_eq!(other.grow(30), Ok(()));
        drop(first);
        assert_eq!(second.grow(100), Ok(()));
        drop((second, other, unknown));
        assert!(memory.lock().of.is_empty());
    }
}
