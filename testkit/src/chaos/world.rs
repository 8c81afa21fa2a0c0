//! What everybody works with who sends, reads and breaks at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Error;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, RwLock};

use super::stories::Stories;
use crate::client::Answer;
use crate::oracle::{Attempt, Difference, DifferenceKind, Event, Ledger, Tenant};

/// The longest pause between two requests of one sender, at first.
const PAUSE_MS: u64 = 30;
/// Events after which it is twice as long.
const MANY_EVENTS: u64 = 1500;

#[derive(Debug)]
pub(super) struct World {
    pub(super) ledger: AsyncMutex<Ledger>,
    /// Events that were sent, again or for the first time.
    sent: AtomicUsize,
    pub(super) stories: Mutex<Stories>,
    /// Whoever sends or reads holds it; whoever compares holds it alone.
    pub(super) gate: RwLock<()>,
    /// Who sends to each project.
    pub(super) doors: Vec<Tenant>,
    /// Who reads of each project.
    pub(super) readers: Vec<Tenant>,
    /// Answers that were wrong while things broke.
    complaints: Mutex<Vec<Difference>>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Acknowledged,
    Refused,
    Unknown,
}

#[derive(Deserialize)]
struct Acknowledgement {
    items: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    partition: u32,
    offset: u64,
}

impl World {
    pub(super) fn new(stories: Stories, doors: Vec<Tenant>, readers: Vec<Tenant>) -> Self {
        Self {
            ledger: AsyncMutex::default(),
            sent: AtomicUsize::new(0),
            stories: Mutex::new(stories),
            gate: RwLock::default(),
            doors,
            readers,
            complaints: Mutex::default(),
        }
    }

    pub(super) fn complain(&self, difference: Difference) {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        // The same once more says nothing new.
        if !complaints.contains(&difference) {
            complaints.push(difference);
        }
    }

    pub(super) fn complain_of(&self, text: String) {
        self.complain(Difference { kind: DifferenceKind::Wrong, text });
    }

    pub(super) fn complaints(&self) -> Vec<Difference> {
        std::mem::take(&mut *self.complaints.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn stories(&self) -> std::sync::MutexGuard<'_, Stories> {
        self.stories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long whoever sends waits between two requests: the longer, the more there is to be compared.
    pub(super) fn pause(&self, random: &mut StdRng) -> Duration {
        let most = PAUSE_MS + PAUSE_MS * self.sent.load(Ordering::Relaxed) as u64 / MANY_EVENTS;
        Duration::from_millis(random.random_range(0..=most))
    }

    /// Notes that events are about to be sent.
    pub(super) async fn sending(&self, events: &[Arc<Event>]) -> Vec<Attempt> {
        self.sent.fetch_add(events.len(), Ordering::Relaxed);
        let mut ledger = self.ledger.lock().await;
        events.iter().map(|event| ledger.sending(event)).collect()
    }

    /// Sends events of one project over HTTP and notes what became of them.
    pub(super) async fn publish(&self, at: usize, events: &[Arc<Event>]) -> Outcome {
        let Some(door) = self.doors.get(at) else { return Outcome::Refused };
        let attempts = self.sending(events).await;
        let body = Value::Array(events.iter().map(|event| event.json()).collect());
        let answer = door.client.post("/v1/events", &body).await;
        let (outcome, places) = self.judge(&answer, events.len());
        let mut ledger = self.ledger.lock().await;
        for (at, attempt) in attempts.into_iter().enumerate() {
            match outcome {
                Outcome::Acknowledged => ledger.acknowledged(attempt, places.get(at).copied()),
                Outcome::Refused => ledger.refused(attempt),
                Outcome::Unknown => ledger.unknown(attempt),
            }
        }
        outcome
    }

    fn judge(&self, answer: &Result<Answer, Error>, events: usize) -> (Outcome, Vec<(u32, u64)>) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let never_sent = error.downcast_ref().is_some_and(reqwest::Error::is_connect);
                return (if never_sent { Outcome::Refused } else { Outcome::Unknown }, Vec::new());
            }
        };
        let outcome = match answer.status {
            200 => match serde_json::from_slice::<Acknowledgement>(&answer.body) {
                Ok(told) if told.items.len() == events => {
                    let places = told.items.iter().map(|place| (place.partition, place.offset)).collect();
                    return (Outcome::Acknowledged, places);
                }
                _ => Outcome::Unknown,
            },
            429 | 503 if !answer.text().contains("it is not known") => Outcome::Refused,
            _ => Outcome::Unknown,
        };
        if !matches!(answer.status, 429 | 503) {
            self.complain_of(format!("ingest answers {} to good events: {}", answer.status, answer.text()));
        }
        (outcome, Vec::new())
    }
}
