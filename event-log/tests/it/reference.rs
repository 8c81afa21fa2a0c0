//! Reference data: one identity per log, and changes that arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use event_log::{
    AppendError, Bounds, EmbeddedLog, EmbeddedOptions, EventLog, LogIdError, LogReader, NewRecord, Position, ReadBatch,
    ReadLogError, ReferenceFollower, Topic, append_reference, log_id, new_log_id,
};
use schemas::id::{Partition, ProjectId};
use schemas::positions::Offset;
use schemas::reference::{ProjectObject, ReferenceObject, ReferenceRecord};
use schemas::time::Clock;

use crate::suite::record;

fn open(folder: &std::path::Path) -> Arc<dyn EventLog> {
    let options = EmbeddedOptions { partitions: 2, clock: Clock::system() };
    Arc::new(EmbeddedLog::open(folder, options).expect("the log opens"))
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true");
        std::thread::yield_now();
    }
}

fn project(name: &str) -> ReferenceRecord {
    ReferenceRecord::of(ProjectId::of_name(name).0, ReferenceObject::Project(ProjectObject { name: name.into() }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_name_of_a_log_is_its_name_for_ever() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = new_log_id();
    assert_eq!(log_id(&open(folder.path()), first).await.expect("named"), first);
    assert_eq!(log_id(&open(folder.path()), new_log_id()).await.expect("named"), first);
}

/// A log that has calls had a name: whoever gave it another would hide that something is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_calls_and_without_a_name_gets_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = open(folder.path());
    log.append(Topic::Calls, vec![record(1, "a")]).await.expect("appended");
    let error = log_id(&log, new_log_id()).await.expect_err("it had a name");
    assert!(matches!(error, LogIdError::Lost), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_ready_at_the_end_and_sees_later_changes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = open(folder.path());
    append_reference(&*log, &[project("before")]).await.expect("appended");
    let follower =
        ReferenceFollower::start(Arc::clone(&log), tokio::runtime::Handle::current()).expect("a thread starts");
    let data = follower.data();
    wait_until(|| follower.is_ready());
    assert!(data.load().project(ProjectId::of_name("before")).is_some());

    append_reference(&*log, &[project("after")]).await.expect("appended");
    wait_until(|| data.load().project(ProjectId::of_name("after")).is_some());
    let deletion = ReferenceRecord { object: None, ..project("before") };
    append_reference(&*log, &[deletion]).await.expect("appended");
    wait_until(|| data.load().project(ProjectId::of_name("before")).is_none());
    assert_eq!(data.load().next(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_are_read_together_take_effect_in_their_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = open(folder.path());
    let id = ProjectId::of_name("renamed");
    let named = |name: &str| ReferenceRecord::of(id.0, ReferenceObject::Project(ProjectObject { name: name.into() }));
    let deleted = ReferenceRecord { object: None, ..project("made and deleted") };
    let changes = [named("first"), project("made and deleted"), deleted, named("second"), named("third")];
    append_reference(&*log, &changes).await.expect("appended");
    let follower =
        ReferenceFollower::start(Arc::clone(&log), tokio::runtime::Handle::current()).expect("a thread starts");
    wait_until(|| follower.is_ready());
    let data = follower.data().load_full();
    assert_eq!(data.project(id).map(|project| project.name.as_str()), Some("third"));
    assert!(data.project(ProjectId::of_name("made and deleted")).is_none());
}

/// A log that may fall silent: nothing comes, and whoever asks it something gets no answer.
#[derive(Debug)]
struct SilentLog {
    log: Arc<dyn EventLog>,
    is_silent: Arc<AtomicBool>,
}

#[derive(Debug)]
struct SilentReader {
    reader: Box<dyn LogReader>,
    is_silent: Arc<AtomicBool>,
}

fn answer(is_silent: &AtomicBool) -> Result<(), ReadLogError> {
    let silence = || ReadLogError::Unavailable { reason: "no answer".to_owned() };
    if is_silent.load(Ordering::SeqCst) { Err(silence()) } else { Ok(()) }
}

#[async_trait]
impl EventLog for SilentLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    /// Others reach it.
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        self.log.append(topic, records).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
        answer(&self.is_silent)?;
        self.log.bounds(topic, partition).await
    }

    fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
        Ok(Box::new(SilentReader { reader: self.log.reader(topic, from)?, is_silent: Arc::clone(&self.is_silent) }))
    }
}

impl LogReader for SilentReader {
    fn read(&mut self, max_bytes: usize, wait: Duration) -> Result<ReadBatch, ReadLogError> {
        if answer(&self.is_silent).is_ok() {
            return self.reader.read(max_bytes, wait);
        }
        std::thread::sleep(wait);
        Ok(ReadBatch::default())
    }

    fn ends(&mut self) -> Result<BTreeMap<Partition, Offset>, ReadLogError> {
        answer(&self.is_silent)?;
        self.reader.ends()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_of_a_log_that_fell_silent_says_so_until_it_is_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let is_silent = Arc::new(AtomicBool::new(false));
    let log = Arc::new(SilentLog { log: open(folder.path()), is_silent: Arc::clone(&is_silent) });
    let follower =
        ReferenceFollower::start(Arc::clone(&log) as _, tokio::runtime::Handle::current()).expect("a thread starts");
    wait_until(|| follower.is_ready());
    is_silent.store(true, Ordering::SeqCst);
    wait_until(|| follower.is_stale());
    append_reference(&*log, &[project("meanwhile")]).await.expect("appended");
    assert!(follower.data().load().project(ProjectId::of_name("meanwhile")).is_none());
    is_silent.store(false, Ordering::SeqCst);
    wait_until(|| !follower.is_stale() && follower.data().load().project(ProjectId::of_name("meanwhile")).is_some());
}
