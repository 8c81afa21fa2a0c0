//! Who may bring how much at once: bytes in flight of all and of each project, and events per second.

mod turns;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use schemas::id::ProjectId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::turns::{Turn, Turns};
use crate::limits::IngestLimits;

/// How long a client should wait when too many bytes are in flight.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    #[error("too many bytes are in flight")]
    Bytes,
    #[error("too many bytes of the project are in flight")]
    ProjectBytes,
    #[error("too many bytes wait to be read")]
    Unread,
    #[error("the project sends more events than it may")]
    ProjectRate { retry_after: Duration },
}

impl Busy {
    /// How long to wait before sending again.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Bytes | Self::ProjectBytes | Self::Unread => BUSY_RETRY,
            Self::ProjectRate { retry_after } => *retry_after,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Admission {
    bytes: Arc<Semaphore>,
    projects: Arc<ProjectBytes>,
    turns: Turns,
    rate: DefaultKeyedRateLimiter<ProjectId>,
    burst: NonZeroU32,
    clock: DefaultClock,
}

/// Bytes in flight of each project that has any.
#[derive(Debug)]
struct ProjectBytes {
    in_flight: Mutex<HashMap<ProjectId, usize>>,
    share: usize,
}

impl Admission {
    pub(crate) fn new(limits: &IngestLimits) -> Self {
        let burst = limits.project_burst_events;
        Self {
            bytes: Arc::new(Semaphore::new(limits.in_flight_bytes.min(Semaphore::MAX_PERMITS))),
            projects: Arc::new(ProjectBytes {
                in_flight: Mutex::new(HashMap::new()),
                share: limits.project_in_flight_bytes,
            }),
            turns: Turns::new(limits.unread_bytes),
            rate: RateLimiter::keyed(Quota::per_second(limits.project_events_per_second).allow_burst(burst)),
            burst,
            clock: DefaultClock::default(),
        }
    }

    /// An empty hold on bytes in flight. The holder of the master key has no project, only the common bound.
    pub(crate) fn hold(&self, project: Option<ProjectId>) -> Held {
        Held { bytes: self.bytes.clone(), permit: None, projects: self.projects.clone(), project, project_bytes: 0 }
    }

    /// Waits until a large body may be read.
    pub(crate) async fn turn(&self, bytes: usize) -> Result<Turn, Busy> {
        self.turns.next(bytes).await
    }

    /// Takes events off the project's allowance. More than a whole burst counts as one, so that the rate holds only
    /// with a burst that no request exceeds.
    pub(crate) fn take_events(&self, project: ProjectId, events: usize) -> Result<(), Busy> {
        let events = u32::try_from(events).unwrap_or(u32::MAX).min(self.burst.get());
        let Some(events) = NonZeroU32::new(events) else { return Ok(()) };
        match self.rate.check_key_n(&project, events) {
            Ok(Err(not_until)) => Err(Busy::ProjectRate { retry_after: not_until.wait_time_from(self.clock.now()) }),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }
}

/// Bytes in flight; they are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    projects: Arc<ProjectBytes>,
    project: Option<ProjectId>,
    /// Bytes that the project's share counts for this hold.
    project_bytes: usize,
}

impl Held {
    pub(crate) fn bytes(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Takes more bytes, or says that there are none.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Busy> {
        let permits = u32::try_from(bytes).map_err(|_| Busy::Bytes)?;
        let permit = self.bytes.clone().try_acquire_many_owned(permits).map_err(|_| Busy::Bytes)?;
        if let Some(project) = self.project {
            let mut in_flight = self.projects.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
            let mine = in_flight.entry(project).or_default();
            if mine.saturating_add(bytes) > self.projects.share {
                return Err(Busy::ProjectBytes);
            }
            *mine += bytes;
            self.project_bytes += bytes;
        }
        match &mut self.permit {
            Some(mine) => mine.merge(permit),
            none => *none = Some(permit),
        }
        metrics::gauge!("llm_log_ingest_in_flight_bytes").increment(f64::from(permits));
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = u32::try_from(self.bytes()).unwrap_or(u32::MAX);
        metrics::gauge!("llm_log_ingest_in_flight_bytes").decrement(f64::from(bytes));
        let Some(project) = self.project else { return };
        let mut in_flight = self.projects.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = in_flight.get_mut(&project) {
            *mine = mine.saturating_sub(self.project_bytes);
            if *mine == 0 {
                in_flight.remove(&project);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn admission() -> Admission {
        Admission::new(&IngestLimits {
            in_flight_bytes: 100,
            project_in_flight_bytes: 60,
            project_events_per_second: NonZeroU32::MIN,
            project_burst_events: NonZeroU32::new(10).expect("not zero"),
            ..IngestLimits::default()
        })
    }

    fn project(number: u128) -> ProjectId {
        ProjectId(Uuid::from_u128(number))
    }

    #[test]
    fn one_project_gets_its_share_and_all_together_get_the_whole() {
        let admission = admission();
        let (mut one, mut two) = (admission.hold(Some(project(1))), admission.hold(Some(project(2))));
        assert_eq!(one.grow(60), Ok(()));
        assert_eq!(one.grow(1), Err(Busy::ProjectBytes));
        assert_eq!(admission.hold(Some(project(1))).grow(1), Err(Busy::ProjectBytes));
        assert_eq!(two.grow(40), Ok(()));
        assert_eq!(two.grow(1), Err(Busy::Bytes));
        assert_eq!(admission.hold(None).grow(1), Err(Busy::Bytes));
        drop(one);
        assert_eq!(admission.hold(None).grow(60), Ok(()));
        assert_eq!(admission.hold(Some(project(1))).grow(60), Ok(()));
        drop(two);
        assert!(admission.projects.in_flight.lock().expect("not poisoned").is_empty());
        assert_eq!(admission.bytes.available_permits(), 100);
    }

    #[test]
    fn a_burst_of_one_project_leaves_the_others_alone() {
        let admission = admission();
        assert_eq!(admission.take_events(project(1), 10), Ok(()));
        let busy = admission.take_events(project(1), 5).expect_err("the burst is used up");
        assert!(busy.retry_after() > Duration::from_secs(1) && busy.retry_after() <= Duration::from_secs(5));
        assert_eq!(admission.take_events(project(2), 10), Ok(()));
    }

    #[test]
    fn more_than_a_burst_can_still_be_sent_at_once() {
        assert_eq!(admission().take_events(project(1), 10_000), Ok(()));
        assert_eq!(admission().take_events(project(1), 0), Ok(()));
    }
}
