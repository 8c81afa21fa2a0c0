//! How many reads run at once, and whose turn it is.

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
/// whoever has waited longest. So no project keeps another waiting for more than the reads that already run.
#[derive(Debug)]
pub(super) struct Slots {
    total: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<ReadScope, usize>,
    in_use: usize,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    scope: ReadScope,
    turn: oneshot::Sender<Slot>,
}

/// A slot; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    scope: ReadScope,
}

impl Slots {
    pub(super) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, state: Mutex::default() })
    }

    /// Waits for a slot, at most for `patience`.
    pub(super) async fn take(self: &Arc<Self>, scope: ReadScope, patience: Duration) -> Result<Slot, ReadError> {
        let busy = ReadError::Busy { retry_after: RETRY_AFTER };
        let turn = {
            let mut state = self.lock();
            if state.in_use < self.total {
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

    /// Whose turn it is.
    fn next(&mut self) -> Option<Waiting> {
        let held = |waiting: &Waiting| self.held.get(&waiting.scope).copied().unwrap_or(0);
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, waiting)| held(waiting))?;
        self.waiting.remove(at)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        state.release(self.scope);
        while let Some(Waiting { scope, turn }) = state.next() {
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
        drop(first);
        let turn = modest.await.expect("no panic").expect("its turn");
        assert!(!greedy.is_finished());
        drop(second);
        drop(greedy.await.expect("no panic").expect("its turn"));
        drop(turn);
        assert_eq!(slots.lock().in_use, 0);
        assert!(slots.lock().held.is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_to_come_back() {
        let slots = Slots::new(1);
        let held = slots.take(project(1), PATIENCE).await.expect("free");
        let late = slots.take(project(2), Duration::from_millis(10)).await;
        assert!(matches!(late, Err(ReadError::Busy { .. })));
        drop(held);
        assert!(slots.take(project(2), PATIENCE).await.is_ok());
    }

    #[tokio::test]
    async fn one_project_can_not_fill_the_queue() {
        let slots = Slots::new(2);
        let held = slots.take(project(1), PATIENCE).await.expect("free");
        let _other_held = slots.take(project(1), PATIENCE).await.expect("free");
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
        drop(held);
        assert!(other.await.expect("no panic").is_ok());
        queue.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
