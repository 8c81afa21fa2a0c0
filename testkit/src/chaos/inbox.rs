//! Producers that send to the inbox, and now and then what nobody can take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::world::World;
use crate::kafka::{KafkaTopics, SentRecord};
use crate::oracle::{Event, EventKind};

/// Producers at the same time.
const PRODUCERS: u64 = 2;
const BATCH: usize = 8;
const PARTITIONS: i32 = 4;

/// Where a record of the inbox is: its partition, and its offset there.
type Place = (i32, i64);
/// A dead letter: its key and its value.
type Letter = (Vec<u8>, Vec<u8>);

/// The inbox of an installation, and what was sent there in vain.
#[derive(Debug)]
pub(super) struct Inbox {
    topics: KafkaTopics,
    prefix: String,
    /// Values that nobody can take, by the place that the broker told for them.
    poison: Mutex<BTreeMap<Place, Vec<u8>>>,
}

impl Inbox {
    pub(super) async fn new(bootstrap: &str, prefix: &str) -> Result<Arc<Self>> {
        let topics = KafkaTopics::connect(bootstrap).await?;
        Ok(Arc::new(Self { topics, prefix: prefix.to_owned(), poison: Mutex::default() }))
    }

    fn topic(&self) -> String {
        format!("{}.inbox", self.prefix)
    }

    /// Sends until the tasks are dropped.
    pub(super) fn start(self: &Arc<Self>, world: &Arc<World>, seed: u64, tasks: &mut JoinSet<()>) {
        for producer in 0..PRODUCERS {
            let random = StdRng::seed_from_u64(seed.wrapping_add(producer));
            tasks.spawn(Arc::clone(self).produce(Arc::clone(world), random));
        }
    }

    async fn produce(self: Arc<Self>, world: Arc<World>, mut random: StdRng) {
        loop {
            let turn = world.gate.read().await;
            if random.random_bool(0.1) {
                self.send_poison(&mut random).await;
            } else {
                let at = random.random_range(0..world.doors.len());
                // Erasures are taken over HTTP only.
                let events = world.stories().next(at, BATCH, |event| event.kind != EventKind::Erased);
                self.send(&world, &events, &mut random).await;
            }
            drop(turn);
            tokio::time::sleep(world.pause(&mut random)).await;
        }
    }

    async fn send(&self, world: &World, events: &[Arc<Event>], random: &mut StdRng) {
        let attempts = world.sending(events).await;
        let records: Vec<SentRecord> = events.iter().map(|event| record(event, random.random_bool(0.3))).collect();
        // Any partition will do: what is of one call may come in by all of them.
        let partition = random.random_range(0..PARTITIONS);
        let mut sent = self.topics.send(&self.topic(), partition, records.clone()).await.is_ok();
        if random.random_bool(0.1) {
            // A retry whose first try had come through after all.
            sent |= self.topics.send(&self.topic(), partition, records).await.is_ok();
        }
        let mut ledger = world.ledger.lock().await;
        for attempt in attempts {
            if sent { ledger.acknowledged(attempt, None) } else { ledger.unknown(attempt) }
        }
    }

    /// Sends events to one partition after the other; whether all were taken.
    pub(super) async fn send_round(&self, world: &World, events: &[Arc<Event>]) -> bool {
        let attempts = world.sending(events).await;
        let mut taken = true;
        for ((partition, event), attempt) in (0..PARTITIONS).cycle().zip(events).zip(attempts) {
            let sent = self.topics.send(&self.topic(), partition, vec![record(event, false)]).await.is_ok();
            let mut ledger = world.ledger.lock().await;
            if sent {
                ledger.acknowledged(attempt, None);
            } else {
                ledger.unknown(attempt);
            }
            taken &= sent;
        }
        taken
    }

    async fn send_poison(&self, random: &mut StdRng) {
        let value = format!("no event {:x}", random.random::<u64>()).into_bytes();
        let partition = random.random_range(0..PARTITIONS);
        let record = SentRecord { value: value.clone(), ..SentRecord::default() };
        if let Ok(offsets) = self.topics.send(&self.topic(), partition, vec![record]).await {
            let places = offsets.into_iter().map(|offset| ((partition, offset), value.clone()));
            self.poison.lock().await.extend(places);
        }
    }

    /// What is wrong with the dead letters: each value that can't be taken has to be one, whole, under one key.
    pub(super) async fn differences(&self) -> Result<Vec<String>> {
        let mut letters: BTreeMap<Place, BTreeSet<Letter>> = BTreeMap::new();
        for letter in self.topics.read(&format!("{}.dead-letters", self.prefix), 0).await? {
            let number = |name: &str| {
                let text = letter.headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
                text.and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1)
            };
            let partition = i32::try_from(number("llm-log-source-partition")).unwrap_or(-1);
            let place = (partition, number("llm-log-source-offset"));
            letters.entry(place).or_default().insert((letter.key, letter.value));
        }
        let mut wrong = Vec::new();
        for (place, value) in &*self.poison.lock().await {
            let found: Vec<_> = letters.remove(place).into_iter().flatten().collect();
            if !matches!(&*found, [(_, letter)] if letter == value) {
                let value = String::from_utf8_lossy(value);
                wrong.push(format!("the letters of {value:?} at {place:?} are {} in number", found.len()));
            }
        }
        let strange = letters.values().flatten().find(|(_, value)| !value.starts_with(b"no event"));
        wrong.extend(strange.map(|(_, value)| format!("a good event is a letter: {}", String::from_utf8_lossy(value))));
        Ok(wrong)
    }
}

/// The event as a record: with its attributes in headers, or whole.
fn record(event: &Event, binary: bool) -> SentRecord {
    let mut json = event.json();
    if event.kind == EventKind::Object || !binary {
        return SentRecord { value: json.to_string().into_bytes(), ..SentRecord::default() };
    }
    let data = json.get_mut("data").map(Value::take).unwrap_or_default();
    let attributes = json.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let value = value.as_str()?.as_bytes().to_vec();
        Some((format!("ce_{name}"), value))
    });
    SentRecord { key: None, value: data.to_string().into_bytes(), headers: attributes.collect() }
}
