//! How many reads run at once, whose turn it is, and how many threads help with them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemas::access::ReadScope;
use schemas::limits::WAITING_READS_OF_PROJECT;
use schemas::reader::ReadError;
use tokio::sync::oneshot;

/// When to come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A number of slots shared fairly: a free slot goes to the scope that holds the fewest, and among those to
/// whoever has waited longest. One scope never holds all of them: the last is kept for another, so that no project
/// keeps another waiting for the end of its reads.
#[derive(Debug)]
pub(crate) struct Slots {
    of_one_scope: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<ReadScope, usize>,
    in_use: usize,
    helping: usize,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    scope: ReadScope,
    turn: oneshot::Sender<Slot>,
}

/// A slot; free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    scope: ReadScope,
}

/// The right of a thread to help with a read that holds a slot; given back when dropped.
#[derive(Debug)]
pub(crate) struct Help<'s>(&'s Slots);

impl Slots {
    /// So many slots for one scope, and one more.
    pub(crate) fn new(of_one_scope: usize) -> Arc<Self> {
        Arc::new(Self { of_one_scope, state: Mutex::default() })
    }

    /// How many reads can run at once.
    pub(crate) fn len(&self) -> usize {
        self.of_one_scope + 1
    }

    /// Help for a read, if reads and those who help are fewer than one scope may have slots.
    pub(crate) fn help(&self) -> Option<Help<'_>> {
        let mut state = self.lock();
        let is_idle = state.in_use + state.helping < self.of_one_scope;
        is_idle.then(|| {
            state.helping += 1;
            Help(self)
        })
    }

    /// Waits for a slot, at most for `patience`.
    pub(crate) async fn take(self: &Arc<Self>, scope: ReadScope, patience: Duration) -> Result<Slot, ReadError> {
        let busy = ReadError::Busy { retry_after: RETRY_AFTER };
        let turn = {
            let mut state = self.lock();
            if state.in_use <= self.of_one_scope && state.held(scope) < self.of_one_scope {
                state.hold(scope);
                return Ok(Slot { slots: Arc::clone(self), scope });
            }
            state.waiting.retain(|waiting| !waiting.turn.is_closed());
            if state.waiting.iter().filter(|waiting| waiting.scope == scope).count() >= WAITING_READS_OF_PROJECT {
                return Err(busy);
            }
            let (turn, slot) = oneshot::channel();
            state.waiting.push_back(Waiting { scope, turn });
            slot
        };
        match tokio::time::timeout(patience, turn).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(busy),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hold(&mut self, scope: ReadScope) {
        self.in_use += 1;
        *self.held.entry(scope).or_default() += 1;
    }

    fn release(&mut self, scope: ReadScope) {
        self.in_use -= 1;
        if let Some(held) = self.held.get_mut(&scope) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&scope);
            }
        }
    }

    fn held(&self, scope: ReadScope) -> usize {
        self.held.get(&scope).copied().unwrap_or(0)
    }

    /// Whose turn it is, of scopes that hold fewer than so many.
    fn next(&mut self, of_one_scope: usize) -> Option<Waiting> {
        let waiting = self.waiting.iter().enumerate().map(|(at, waiting)| (at, self.held(waiting.scope)));
        let (at, _) = waiting.filter(|(_, held)| *held < of_one_scope).min_by_key(|(_, held)| *held)?;
        self.waiting.remove(at)
    }
}

impl Help<'_> {
    /// Whether reads have begun since that need the core.
    pub(crate) fn is_in_the_way(&self) -> bool {
        let state = self.0.lock();
        state.in_use + state.helping > self.0.of_one_scope
    }
}

impl Drop for Help<'_> {
    fn drop(&mut self) {
        self.0.lock().helping -= 1;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        state.release(self.scope);
        while let Some(Waiting { scope, turn }) = state.next(self.slots.of_one_scope) {
            if turn.is_closed() {
                continue;
            }
            state.hold(scope);
            drop(state);
            // Whoever gave up in this instant drops the slot, which passes it on.
            drop(turn.send(Slot { slots: Arc::clone(&self.slots), scope }));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::id::ProjectId;
    use uuid::Uuid;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn project(number: u128) -> ReadScope {
        ReadScope::Project(ProjectId(Uuid::from_u128(number)))
    }

    async fn waiting(slots: &Arc<Slots>, count: usize) {
        while slots.lock().waiting.len() < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_project_with_fewer_running_reads_goes_first() {
        let slots = Slots::new(2);
        let first = slots.take(project(1), PATIENCE).await.expect("free");
        let second = slots.take(project(1), PATIENCE).await.expect("free");
        let third = slots.take(project(3), PATIENCE).await.expect("free");
        let greedy = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take(project(1), PATIENCE).await }
        });
        waiting(&slots, 1).await;
        let modest = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take(project(2), PATIENCE).await }
        });
        waiting(&slots, 2).await;
        drop(third);
        let turn = modest.await.expect("no panic").expect("its turn");
        assert!(!greedy.is_finished());
        drop((first, second));
        drop(greedy.await.expect("no panic").expect("its turn"));
        drop(turn);
        assert_eq!(slots.lock().in_use, 0);
        assert!(slots.lock().held.is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_to_come_back() {
        let slots = Slots::new(1);
        let held = slots.take(project(1), PATIENCE).await.expect("free");
        let late = slots.take(project(1), Duration::from_millis(10)).await;
        assert!(matches!(late, Err(ReadError::Busy { .. })));
        drop(held);
        assert!(slots.take(project(1), PATIENCE).await.is_ok());
    }

    #[tokio::test]
    async fn a_project_with_all_its_slots_does_not_keep_another_waiting() {
        let slots = Slots::new(2);
        let _running = [slots.take(project(1), PATIENCE).await, slots.take(project(1), PATIENCE).await];
        let late = slots.take(project(1), Duration::from_millis(10)).await;
        assert!(matches!(late, Err(ReadError::Busy { .. })), "the last is for another");
        assert!(slots.take(project(2), Duration::ZERO).await.is_ok());
    }

    #[tokio::test]
    async fn a_read_has_help_while_no_other_needs_the_core() {
        let slots = Slots::new(2);
        let _first = slots.take(project(1), PATIENCE).await.expect("free");
        let help = slots.help().expect("nobody else reads");
        assert!(slots.help().is_none(), "there is one for each core");
        assert!(!help.is_in_the_way());
        let second = slots.take(project(1), PATIENCE).await.expect("help holds no slot");
        assert!(help.is_in_the_way());
        drop(help);
        assert!(slots.help().is_none(), "two reads run");
        drop(second);
        assert!(slots.help().is_some());
    }

    #[tokio::test]
    async fn one_project_can_not_fill_the_queue() {
        let slots = Slots::new(2);
        let held = slots.take(project(1), PATIENCE).await.expect("free");
        let _of_the_same = slots.take(project(1), PATIENCE).await.expect("free");
        let of_another = slots.take(project(3), PATIENCE).await.expect("free");
        let queue: Vec<_> = (0..WAITING_READS_OF_PROJECT)
            .map(|_| {
                let slots = Arc::clone(&slots);
                tokio::spawn(async move { slots.take(project(1), PATIENCE).await })
            })
            .collect();
        waiting(&slots, WAITING_READS_OF_PROJECT).await;
        assert!(matches!(slots.take(project(1), PATIENCE).await, Err(ReadError::Busy { .. })));
        let other = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take(project(2), PATIENCE).await }
        });
        waiting(&slots, WAITING_READS_OF_PROJECT + 1).await;
        drop((held, of_another));
        assert!(other.await.expect("no panic").is_ok());
        queue.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
