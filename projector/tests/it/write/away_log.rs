//! A log that goes away and comes back, as the same or another.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use event_log::{AppendError, Bounds, EventLog, LogReader, NewRecord, Position, ReadBatch, ReadLogError, Topic};
use schemas::id::Partition;
use schemas::positions::Offset;

use super::world::World;

/// How the log is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Reach {
    There,
    /// Every question is an error.
    Refused,
    /// Nothing comes and nothing fails but for questions, as from a broker that stands still.
    Silent,
    /// Its end is further than anybody gets, as that of a log with a long way to read.
    Long,
    /// The next question makes whoever asks panic, the ones after it do not.
    PanicsOnce,
    /// Every question does.
    Panics,
}

#[derive(Debug)]
pub(super) struct AwayLog {
    log: Mutex<Arc<dyn EventLog>>,
    reach: Arc<AtomicU8>,
    /// How many logs it has been.
    lives: Arc<AtomicU8>,
    turned_away: Arc<AtomicU64>,
}

#[derive(Debug)]
struct AwayReader {
    reader: Box<dyn LogReader>,
    reach: Arc<AtomicU8>,
    /// How many it had been when this reader began, and how many now.
    life: u8,
    lives: Arc<AtomicU8>,
    turned_away: Arc<AtomicU64>,
}

fn away() -> ReadLogError {
    ReadLogError::Unavailable { reason: "nobody answers".to_owned() }
}

fn is(reach: &AtomicU8, wanted: Reach) -> bool {
    reach.load(Ordering::SeqCst) == wanted as u8
}

impl AwayLog {
    /// Puts one in front of the world's log.
    pub(super) fn before(world: &mut World) -> Arc<Self> {
        let log = Arc::new(Self {
            log: Mutex::new(Arc::clone(&world.log)),
            reach: Arc::new(AtomicU8::new(Reach::There as u8)),
            lives: Arc::default(),
            turned_away: Arc::default(),
        });
        world.replace_log(Arc::clone(&log) as _);
        log
    }

    pub(super) fn set(&self, reach: Reach) {
        self.reach.store(reach as u8, Ordering::SeqCst);
    }

    /// How many reads and questions have got nothing because it was away.
    pub(super) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::SeqCst)
    }

    /// Becomes another log. Whoever reads the first has to begin again.
    pub(super) fn replace(&self, log: Arc<dyn EventLog>) {
        *self.log.lock().expect("not poisoned") = log;
        self.lives.fetch_add(1, Ordering::SeqCst);
    }

    fn log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.log.lock().expect("not poisoned"))
    }

    fn check(&self) -> Result<(), ReadLogError> {
        assert!(!is(&self.reach, Reach::Panics), "a question that makes whoever asks panic");
        let once = self.reach.compare_exchange(
            Reach::PanicsOnce as u8,
            Reach::There as u8,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
        assert!(once.is_err(), "a question that makes whoever asks panic once");
        if is(&self.reach, Reach::There) || is(&self.reach, Reach::Long) {
            return Ok(());
        }
        self.turned_away.fetch_add(1, Ordering::SeqCst);
        Err(away())
    }
}

#[async_trait]
impl EventLog for AwayLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.log().partitions(topic)
    }

    /// Others reach it.
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        self.log().append(topic, records).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
        self.check()?;
        self.log().bounds(topic, partition).await
    }

    fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
        self.check()?;
        let life = self.lives.load(Ordering::SeqCst);
        let reader = self.log().reader(topic, from)?;
        let (reach, lives) = (Arc::clone(&self.reach), Arc::clone(&self.lives));
        Ok(Box::new(AwayReader { reader, reach, life, lives, turned_away: Arc::clone(&self.turned_away) }))
    }
}

impl LogReader for AwayReader {
    fn read(&mut self, max_bytes: usize, wait: Duration) -> Result<ReadBatch, ReadLogError> {
        if is(&self.reach, Reach::Refused) || is(&self.reach, Reach::Silent) {
            self.turned_away.fetch_add(1, Ordering::SeqCst);
        }
        if is(&self.reach, Reach::Refused) || self.life != self.lives.load(Ordering::SeqCst) {
            return Err(away());
        }
        if is(&self.reach, Reach::Silent) {
            std::thread::sleep(wait);
            return Ok(ReadBatch::default());
        }
        self.reader.read(max_bytes, wait)
    }

    fn ends(&mut self) -> Result<BTreeMap<Partition, Offset>, ReadLogError> {
        if is(&self.reach, Reach::Long) {
            let ends = self.reader.ends()?;
            return Ok(ends.into_iter().map(|(partition, end)| (partition, end + 1000)).collect());
        }
        if is(&self.reach, Reach::There) {
            return self.reader.ends();
        }
        self.turned_away.fetch_add(1, Ordering::SeqCst);
        Err(away())
    }
}
