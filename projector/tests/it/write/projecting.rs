use std::time::{Duration, Instant};

use projector::snapshot::Snapshot;
use schemas::event::{CallData, CallEventType};
use schemas::fold::CallState;
use testkit::{Generator, wait_until};

use super::world::{DEADLINE, PARTITIONS, PROJECT, World, home, stored_states};

/// Each commit begins merges and shows those that have ended: without another one readers would go through all
/// segments until the next event.
#[test]
fn segments_are_merged_and_seen_so_while_no_event_comes() {
    let mut world = World::new();
    let projector = world.start();
    let segments = |snapshot: &Snapshot| snapshot.searcher().segment_readers().len();
    let events = Generator::new(5).histories(PROJECT, 100);
    let mut many = events.iter().map(|event| {
        world.append(std::slice::from_ref(event));
        world.wait(&projector)
    });
    // As many as are merged at once.
    assert!(many.any(|snapshot| segments(&snapshot) == 8));
    drop(many);
    wait_until("they are seen merged", DEADLINE, || projector.snapshot().is_some_and(|now| segments(&now) < 8));
    world.assert_equal(&world.wait(&projector));
}

#[test]
fn the_index_is_the_fold_of_the_log_however_the_log_is_cut_into_batches() {
    let mut world = World::new();
    let projector = world.start();
    let events = Generator::new(1).histories(PROJECT, 200);
    let mut rest = events.as_slice();
    for size in [1, 2, 40, 3, 100, 1].into_iter().cycle() {
        let (now, later) = rest.split_at(rest.len().min(size));
        if now.is_empty() {
            break;
        }
        world.append(now);
        if size == 40 {
            world.wait(&projector);
        }
        rest = later;
    }
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
    assert!(world.verify_folder().is_clean());
}

#[test]
fn events_that_say_nothing_new_write_nothing() {
    let mut world = World::new();
    let events = Generator::new(2).histories(PROJECT, 30);
    world.append(&events);
    let projector = world.start();
    let before = world.wait(&projector);
    world.append(&events);
    let after = world.wait(&projector);
    world.assert_equal(&after);
    let segments = |snapshot: &projector::snapshot::Snapshot| {
        let readers = snapshot.searcher().segment_readers();
        readers.iter().map(|segment| (segment.segment_id(), segment.num_deleted_docs())).collect::<Vec<_>>()
    };
    assert_eq!(segments(&before), segments(&after));
    projector.stop();
}

#[test]
fn an_erased_call_leaves_a_tombstone_and_nothing_of_its_text() {
    let mut world = World::new();
    let mut generator = Generator::new(3);
    let event = generator.recorded(PROJECT);
    let mut erased = event.clone();
    erased.id = "erasure".into();
    erased.event_type = CallEventType::Erased;
    erased.data = CallData::default();
    world.append(&[event.clone(), generator.recorded(PROJECT)]);
    let projector = world.start();
    world.wait(&projector);
    world.append(&[erased]);
    world.wait(&projector);
    let mut again = event;
    again.id = "late".into();
    world.append(&[again]);
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    let tombstones = stored_states(&snapshot).into_iter().filter(|state| *state == CallState::Erased.encode()).count();
    assert_eq!(tombstones, 1);
    assert_eq!(snapshot.counters().values().map(|totals| totals.calls).sum::<i128>(), 1);
    projector.stop();
}

#[test]
fn records_that_cannot_be_applied_are_passed_over_counted_and_named() {
    let mut world = World::new();
    let mut generator = Generator::new(4);
    let event = generator.recorded(PROJECT);
    let stray = generator.recorded(PROJECT);
    world.append(&[event]);
    let elsewhere = (home(&stray) + 1) % PARTITIONS;
    let unknown = String::from_utf8(stray.encode()).expect("JSON").replace("call.recorded", "call.imagined");
    world.append_values(vec![
        (0, b"no event".to_vec()),
        (elsewhere, stray.encode()),
        (home(&stray), unknown.into_bytes()),
    ]);
    let projector = world.start();
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    let counted: u64 = snapshot.checkpoint().partitions.values().map(|at| at.passed_over).sum();
    assert_eq!(counted, 3);
    assert!(snapshot.checkpoint().partitions.get(&0).is_some_and(|at| at.first_passed_over.is_some()));
    projector.stop();
    let report = world.verify_folder();
    assert_eq!((report.passed_over, report.passed_over_records.len(), report.records), (3, 3, 4));
    assert!(report.is_clean());
}

#[test]
fn a_call_is_seen_soon_after_it_is_appended() {
    let mut world = World::new();
    let projector = world.start();
    let mut generator = Generator::new(5);
    world.append(&[generator.recorded(PROJECT)]);
    world.wait(&projector);
    let begun = Instant::now();
    world.append(&[generator.recorded(PROJECT)]);
    world.wait(&projector);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    projector.stop();
}

#[test]
fn an_index_of_an_empty_log_can_be_verified() {
    let world = World::new();
    let projector = world.start();
    world.wait(&projector);
    projector.stop();
    let report = world.verify_folder();
    assert_eq!((report.records, report.calls, report.is_clean()), (0, 0, true));
}

#[cfg(target_os = "linux")]
#[test]
fn the_thread_that_reads_the_log_lets_those_that_answer_go_first() {
    let mut world = World::new();
    world.append(&Generator::new(4).histories(PROJECT, 10));
    let projector = world.start();
    world.wait(&projector);
    let own = i64::from(rustix::process::getpriority_process(None).expect("Linux"));
    assert!(testkit::niceness_of("projector-read").contains(&own.max(5)));
    projector.stop();
}
