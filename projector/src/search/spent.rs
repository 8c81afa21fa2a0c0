//! What reads have taken of the processors of late.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use schemas::access::ReadScope;

/// Above this a scope has read much: some searches of the whole of a large project, or hundreds of newest lists.
const MUCH: Duration = Duration::from_millis(100);
/// No more is remembered, so that a scope that stops reading has soon read little.
const REMEMBERED: Duration = Duration::from_millis(200);
/// What is forgotten: this part of the time that passes. Whoever evenly takes less than that never reads much.
const FORGOTTEN: f64 = 0.1;
/// Scopes above which those with nothing to remember are looked for.
const SCOPES: usize = 1024;

/// By scope. Those that have nothing to remember are left out now and then.
#[derive(Debug, Default)]
pub(super) struct Spent(Mutex<HashMap<ReadScope, Remembered>>);

#[derive(Debug, Clone, Copy)]
struct Remembered {
    time: Duration,
    at: Instant,
}

impl Remembered {
    fn at(self, now: Instant) -> Duration {
        self.time.saturating_sub(now.saturating_duration_since(self.at).mul_f64(FORGOTTEN))
    }
}

impl Spent {
    pub(super) fn is_much(&self, scope: ReadScope) -> bool {
        self.is_much_at(scope, Instant::now())
    }

    pub(super) fn add(&self, scope: ReadScope, time: Duration) {
        self.add_at(scope, time, Instant::now());
    }

    fn is_much_at(&self, scope: ReadScope, now: Instant) -> bool {
        self.lock().get(&scope).is_some_and(|remembered| remembered.at(now) > MUCH)
    }

    fn add_at(&self, scope: ReadScope, time: Duration, now: Instant) {
        let mut scopes = self.lock();
        if scopes.len() >= SCOPES && !scopes.contains_key(&scope) {
            scopes.retain(|_, remembered| !remembered.at(now).is_zero());
        }
        let before = scopes.get(&scope).map_or(Duration::ZERO, |remembered| remembered.at(now));
        scopes.insert(scope, Remembered { time: (before + time).min(REMEMBERED), at: now });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ReadScope, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use schemas::id::ProjectId;
    use uuid::Uuid;

    use super::*;

    fn project(number: usize) -> ReadScope {
        ReadScope::Project(ProjectId(Uuid::from_u128(number as u128)))
    }

    #[test]
    fn much_is_forgotten_within_a_second_and_little_is_never_much() {
        let (spent, start) = (Spent::default(), Instant::now());
        for _ in 0..100 {
            spent.add_at(project(1), Duration::from_secs(1), start);
        }
        assert!(spent.is_much_at(project(1), start));
        assert!(!spent.is_much_at(project(2), start));
        assert!(!spent.is_much_at(project(1), start + Duration::from_millis(1001)));
        for tenths in 0..1000 {
            let now = start + Duration::from_millis(100 * tenths);
            spent.add_at(project(2), Duration::from_millis(9), now);
            assert!(!spent.is_much_at(project(2), now));
            spent.add_at(project(3), Duration::from_millis(20), now);
        }
        assert!(spent.is_much_at(project(3), start + Duration::from_secs(100)));
    }

    #[test]
    fn projects_that_read_no_more_are_left_out() {
        let (spent, start) = (Spent::default(), Instant::now());
        for number in 0..10 * SCOPES {
            spent.add_at(project(number), Duration::from_millis(1), start + Duration::from_millis(number as u64));
        }
        assert!(spent.lock().len() <= SCOPES);
    }
}
