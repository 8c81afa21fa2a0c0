use std::sync::Arc;

use event_log::{EmbeddedLog, EmbeddedOptions};
use projector::{Difference, MissingRecords, Projector, ProjectorFailure, ProjectorOptions, StartProjectorError};
use schemas::time::Clock;
use tempfile::TempDir;
use testkit::Generator;

use super::away_log::AwayLog;
use super::world::{PARTITIONS, PROJECT, World};

fn other_log(folder: &TempDir) -> Arc<EmbeddedLog> {
    let options = EmbeddedOptions { partitions: PARTITIONS, clock: Clock::system() };
    Arc::new(EmbeddedLog::open(folder.path(), options).expect("a log"))
}

#[test]
fn a_log_with_other_records_is_refused_and_the_index_left_alone() {
    let mut world = World::new();
    world.append(&Generator::new(21).histories(PROJECT, 40));
    let projector = world.start();
    world.wait(&projector);
    projector.stop();
    let folder = TempDir::new().expect("a folder");
    let mut other = World::over(other_log(&folder), TempDir::new().expect("a folder"));
    other.append(&Generator::new(22).histories(PROJECT, 400));
    let first = std::mem::replace(&mut world.log, Arc::clone(&other.log));
    let projector = world.start();
    assert!(matches!(World::failure(&projector), ProjectorFailure::OtherRecord { .. }));
    projector.stop();
    world.replace_log(first);
    assert!(world.verify_folder().is_clean());
}

#[test]
fn a_log_that_comes_back_as_another_is_refused_before_anything_of_it_is_read() {
    let mut world = World::new();
    let log = AwayLog::before(&mut world);
    world.append(&Generator::new(26).histories(PROJECT, 40));
    let projector = world.start();
    let snapshot = world.wait(&projector);
    let folder = TempDir::new().expect("a folder");
    let mut other = World::over(other_log(&folder), TempDir::new().expect("a folder"));
    other.append(&Generator::new(27).histories(PROJECT, 400));
    log.replace(Arc::clone(&other.log));
    assert!(matches!(World::failure(&projector), ProjectorFailure::OtherRecord { .. }));
    let after = projector.snapshot().expect("the last snapshot is still served");
    assert_eq!(after.checkpoint(), snapshot.checkpoint());
    projector.stop();
}

#[test]
fn a_log_that_ends_before_the_index_is_refused() {
    let mut world = World::new();
    world.append(&Generator::new(23).histories(PROJECT, 40));
    let projector = world.start();
    world.wait(&projector);
    projector.stop();
    let folder = TempDir::new().expect("a folder");
    world.replace_log(other_log(&folder));
    let projector = world.start();
    assert!(matches!(World::failure(&projector), ProjectorFailure::Ahead { end: 0, .. }));
    projector.stop();
}

#[test]
fn a_gap_stops_the_projector_which_names_what_is_missing() {
    let mut world = World::new();
    world.append(&Generator::new(24).histories(PROJECT, 40));
    let log = super::gap_log::GapLog { log: Arc::clone(&world.log), partition: 2, start: 3 };
    world.replace_log(Arc::new(log));
    let projector = world.start();
    let missing = vec![MissingRecords { partition: 2, from: 0, to: 3 }];
    assert_eq!(World::failure(&projector), ProjectorFailure::Gap { missing });
    assert!(projector.snapshot().is_none());
    projector.stop();
}

#[test]
fn a_partition_that_the_log_does_not_have_is_refused() {
    let world = World::new();
    let options = ProjectorOptions {
        folder: world.index_folder(),
        partitions: Some([0, PARTITIONS].into()),
        clock: Clock::system(),
    };
    let log = schemas::id::LogId(uuid::Uuid::nil());
    let refused = Projector::start(options, Arc::clone(&world.log), log);
    assert!(matches!(refused, Err(StartProjectorError::UnknownPartition { partition: PARTITIONS, .. })));
}

#[test]
fn verify_lists_what_an_index_lacks() {
    let mut world = World::new();
    let mut generator = Generator::new(25);
    let kept = generator.recorded(PROJECT);
    world.append(&[kept]);
    let projector = world.start();
    let snapshot = world.wait(&projector);
    projector.stop();
    // The same positions of another log, in which another call stands at each of them.
    let folder = TempDir::new().expect("a folder");
    let mut other = World::over(other_log(&folder), TempDir::new().expect("a folder"));
    other.append(&(0..50).map(|_| generator.recorded(PROJECT)).collect::<Vec<_>>());
    let report = projector::verify(&snapshot, &*other.log).expect("comparable");
    assert!(report.differences.iter().any(|difference| matches!(difference, Difference::NotInLog(_))));
    assert!(report.differences.iter().any(|difference| matches!(difference, Difference::NotInIndex(_))));
    assert!(report.differences.iter().any(|difference| matches!(difference, Difference::Counter(_))));
    assert_eq!(report.differences_total, report.differences.len() as u64);
}
