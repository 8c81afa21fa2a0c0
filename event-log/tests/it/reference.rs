//! Reference data: one identity per log, and changes that arrive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_log::{
    EmbeddedLog, EmbeddedOptions, EventLog, LogIdError, ReferenceFollower, Topic, append_reference, log_id, new_log_id,
};
use schemas::id::ProjectId;
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
