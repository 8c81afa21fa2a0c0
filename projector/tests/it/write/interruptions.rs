use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use projector::ProjectorFailure;
use schemas::fold::FOLD_VERSION;
use schemas::id::LogId;
use testkit::Generator;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::away_log::{AwayLog, Reach};
use super::world::{LOG, PROJECT, World, stored_states};

#[test]
fn a_stopped_projector_has_committed_and_goes_on_where_it_was() {
    let mut world = World::new();
    let events = Generator::new(11).histories(PROJECT, 120);
    let (first, second) = events.split_at(events.len() / 2);
    world.append(first);
    let projector = world.start();
    world.wait(&projector);
    let begun = Instant::now();
    projector.stop();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(world.verify_folder().is_clean());
    world.append(second);
    let projector = world.start();
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
}

#[test]
fn a_deleted_index_comes_back_with_the_same_rows() {
    let mut world = World::new();
    world.append(&Generator::new(12).histories(PROJECT, 100));
    let projector = world.start();
    let mut before = stored_states(&world.wait(&projector));
    projector.stop();
    fs::remove_dir_all(world.index_folder()).expect("deleted");
    let projector = world.start();
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    let mut after = stored_states(&snapshot);
    before.sort_unstable();
    after.sort_unstable();
    assert!(before == after);
    projector.stop();
}

#[test]
fn a_damaged_index_is_set_aside_and_built_anew() {
    let mut world = World::new();
    world.append(&Generator::new(13).histories(PROJECT, 60));
    let projector = world.start();
    world.wait(&projector);
    projector.stop();
    let store = fs::read_dir(world.index_folder())
        .expect("the index's folder")
        .map(|entry| entry.expect("a file").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "store"))
        .expect("a segment's store");
    let mut bytes = fs::read(&store).expect("readable");
    bytes[10] ^= 1;
    fs::write(&store, bytes).expect("written");
    let projector = world.start();
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
    assert!(world.index_folder().with_file_name("index.set-aside").is_dir());
}

/// Changes the index's list of segments and seals it again. What is written now.
fn rewrite_list(folder: &Path, from: &str, to: &str) -> String {
    let meta = folder.join("meta.json");
    let text = fs::read_to_string(&meta).expect("readable");
    let (list, _) = text.rsplit_once(r#","checksum":"#).expect("a checksum");
    let changed = list.replace(from, to);
    assert_ne!(list, changed);
    let sealed = format!(r#"{changed},"checksum":"{:032x}"}}"#, xxh3_128(changed.as_bytes()));
    fs::write(&meta, &sealed).expect("written");
    sealed
}

#[test]
fn an_index_of_a_newer_build_is_replaced_and_then_deleted() {
    let mut world = World::new();
    world.append(&Generator::new(14).histories(PROJECT, 20));
    let projector = world.start();
    world.wait(&projector);
    projector.stop();
    rewrite_list(&world.index_folder(), r#"\"version\":1"#, r#"\"version\":2"#);
    let outdated = world.index_folder().with_file_name("index.outdated");
    // As a process would leave it that was killed before it was deleted.
    fs::create_dir(&outdated).expect("made");
    let projector = world.start();
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
    assert!(!outdated.exists());
    assert!(!world.index_folder().with_file_name("index.set-aside").exists(), "nothing was wrong with it");
}

#[test]
fn an_index_of_another_log_stops_the_projector_and_stays() {
    let mut world = World::new();
    world.append(&Generator::new(16).histories(PROJECT, 20));
    let projector = world.start();
    world.wait(&projector);
    projector.stop();
    assert_stops_at_another_log(&world);
    assert!(world.verify_folder().is_clean());
    for (own, other) in [
        (format!(r#"\"fold_version\":{FOLD_VERSION}"#), r#"\"fold_version\":1"#),
        (r#""requestPrompt""#.to_owned(), r#""requestPrompts""#),
    ] {
        let list = rewrite_list(&world.index_folder(), &own, other);
        assert_stops_at_another_log(&world);
        assert_eq!(fs::read_to_string(world.index_folder().join("meta.json")).expect("readable"), list);
        rewrite_list(&world.index_folder(), other, &own);
    }
}

fn assert_stops_at_another_log(world: &World) {
    let projector = world.start_of(LogId(Uuid::from_u128(1)));
    let mut failure = projector.failure();
    let failed = world.run(async { failure.wait_for(Option::is_some).await.map(|failure| failure.clone()) });
    assert_eq!(failed.expect("it lives"), Some(ProjectorFailure::OtherLog(LOG)));
    projector.stop();
}

#[test]
fn an_index_deleted_under_a_running_projector_is_built_anew() {
    let mut world = World::new();
    let mut generator = Generator::new(15);
    world.append(&generator.histories(PROJECT, 40));
    let projector = world.start();
    world.wait(&projector);
    fs::remove_dir_all(world.index_folder()).expect("deleted");
    world.append(&generator.histories(PROJECT, 10));
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
    assert!(world.verify_folder().is_clean());
}

#[test]
fn a_panic_is_tried_again_once_since_what_is_damaged_may_cause_it() {
    let mut world = World::new();
    let log = AwayLog::before(&mut world);
    world.append(&Generator::new(15).histories(PROJECT, 20));
    log.set(Reach::PanicsOnce);
    let projector = world.start();
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
    log.set(Reach::Panics);
    let projector = world.start();
    assert!(matches!(World::failure(&projector), ProjectorFailure::Panicked));
}
