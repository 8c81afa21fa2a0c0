//! Files of the index that are not as they were written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use projector::{Projector, verify};
use schemas::access::ReadScope;
use schemas::model::Column;
use schemas::query::{Filter, SortKey};
use schemas::reader::{ListRequest, ReadContext, ReadError};
use testkit::{Generator, wait_until};

use super::lying_log::LyingLog;
use super::world::{DEADLINE, PARTITIONS, PROJECT, World};

#[derive(Debug, Clone, Copy)]
enum Damage {
    /// One bit in the middle is another.
    Bit,
    /// The second half is gone.
    Half,
    Empty,
    Gone,
    Garbage,
}

/// What befalls tantivy's lists, and what the files of segments.
const OF_LISTS: [Damage; 5] = [Damage::Bit, Damage::Half, Damage::Empty, Damage::Gone, Damage::Garbage];
const OF_SEGMENTS: [Damage; 3] = [Damage::Bit, Damage::Half, Damage::Gone];

impl Damage {
    fn inflict(self, path: &Path) {
        let mut bytes = fs::read(path).expect("readable");
        let middle = bytes.len() / 2;
        match self {
            Self::Bit => *bytes.get_mut(middle).expect("the file is not empty") ^= 4,
            Self::Half => bytes.truncate(middle),
            Self::Empty => bytes.clear(),
            Self::Gone => return fs::remove_file(path).expect("deleted"),
            Self::Garbage => bytes = b"\0not what it was\xff".repeat(1 + middle / 8),
        }
        // Under a name of its own, as what is mapped into memory must not change.
        let new = path.with_extension("new");
        fs::write(&new, bytes).expect("written");
        OpenOptions::new().write(true).open(&new).and_then(|file| file.sync_all()).expect("synced");
        fs::rename(new, path).expect("renamed");
    }
}

/// The files of the index, but for those that only lock.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the index's folder").map(|entry| entry.expect("a file").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_none_or(|end| end != "lock")).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("made");
    for file in files(from) {
        fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("copied");
    }
}

#[test]
fn whatever_is_damaged_in_a_stopped_index_is_found_at_the_start_and_the_index_built_anew() {
    let mut world = World::new();
    let mut generator = Generator::new(51);
    let projector = world.start();
    // A few events come later, so that documents are deleted, and not enough of them for a merge.
    let events = generator.histories(PROJECT, 60);
    let (most, last) = events.split_at(events.len() - 4);
    for events in [most, last] {
        world.append(events);
        world.wait(&projector);
    }
    projector.stop();
    let (index, sound) = (world.index_folder(), world.index_folder().with_file_name("sound"));
    copy(&index, &sound);
    // One file of each kind.
    let kind = |path: &PathBuf| match path.extension() {
        Some(end) if end != "json" => PathBuf::from(end),
        _ => path.clone(),
    };
    let kinds: BTreeMap<PathBuf, PathBuf> = files(&sound).into_iter().map(|path| (kind(&path), path)).collect();
    assert!(kinds.len() >= 8, "{kinds:?}");
    for path in kinds.values() {
        let name = path.file_name().map(Path::new).expect("a name");
        let is_list = path.extension().is_some_and(|end| end == "json");
        for damage in if is_list { &OF_LISTS as &[Damage] } else { &OF_SEGMENTS } {
            copy(&sound, &index);
            damage.inflict(&index.join(name));
            let projector = world.start();
            let snapshot = world.wait(&projector);
            world.assert_equal(&snapshot);
            projector.stop();
            assert!(world.verify_folder().is_clean(), "{damage:?} of {}", name.display());
        }
    }
}

#[test]
fn damage_beside_a_lost_list_of_files_is_found_too() {
    let mut world = World::new();
    world.append(&Generator::new(52).histories(PROJECT, 30));
    let projector = world.start();
    world.wait(&projector);
    projector.stop();
    let store = file(&world.index_folder(), "store");
    Damage::Gone.inflict(&world.index_folder().join(".managed.json"));
    Damage::Bit.inflict(&store);
    let projector = world.start();
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
}

/// A file of the index with this ending.
fn file(folder: &Path, ending: &str) -> PathBuf {
    let mut files = files(folder).into_iter();
    files.find(|path| path.extension().is_some_and(|end| end == ending)).expect("there is one")
}

/// Writes over the middle of a file that is mapped into memory: readers see it at once.
fn spoil_in_place(path: &Path) {
    let mut file = OpenOptions::new().write(true).open(path).expect("writable");
    let length = file.metadata().expect("a file").len();
    file.seek(SeekFrom::Start(length / 2)).expect("within the file");
    file.write_all(&[0x55; 32]).expect("written");
}

fn read_all(world: &World, projector: &Projector) -> Result<u64, ReadError> {
    let context = ReadContext { scope: ReadScope::EveryProject, partitions: None, wait_for: None, timeout: DEADLINE };
    let request = ListRequest {
        context,
        filter: Filter::everything(),
        sort: SortKey::newest_first(),
        skip: 0,
        limit: 10_000,
        after: None,
        columns: Column::ALL.into_iter().filter(|column| column.relation().is_none()).collect(),
        count: false,
        frequencies: None,
    };
    world.run(projector.reader().list(request)).map(|answer| answer.content.rows.len() as u64)
}

fn is_set_aside(world: &World) -> bool {
    world.index_folder().with_file_name("index.set-aside").is_dir()
}

#[test]
fn damage_that_a_read_comes_upon_takes_the_index_out_of_service_until_it_is_built_anew() {
    let mut world = World::new();
    world.append(&Generator::new(53).histories(PROJECT, 200));
    let projector = world.start();
    let snapshot = world.wait(&projector);
    let visible = snapshot.counters().values().map(|totals| totals.calls).sum::<i128>();
    // No row has been read, so that none is kept in memory, and no check finds it before a read does.
    wait_until("all files were checked", DEADLINE, || projector.damage_checks() > 0);
    spoil_in_place(&file(&world.index_folder(), "store"));
    let mut outcomes = BTreeSet::new();
    wait_until("it is built anew", DEADLINE, || {
        let outcome = match read_all(&world, &projector) {
            Err(ReadError::Internal { .. }) => "damaged",
            Err(ReadError::Unavailable { partitions }) => {
                assert_eq!(partitions, (0..PARTITIONS).collect());
                "unavailable"
            }
            Ok(rows) => {
                assert_eq!(i128::from(rows), visible);
                "sound"
            }
            Err(other) => panic!("{other}"),
        };
        outcomes.insert(outcome);
        outcome == "sound"
    });
    assert!(outcomes.contains("damaged"), "{outcomes:?}");
    assert!(is_set_aside(&world));
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
}

#[test]
fn damage_that_no_read_notices_is_found_by_a_check_of_all_files() {
    let mut world = World::new();
    world.append(&Generator::new(54).histories(PROJECT, 200));
    let projector = world.start();
    world.wait(&projector);
    wait_until("all files were checked", DEADLINE, || projector.damage_checks() > 0);
    spoil_in_place(&file(&world.index_folder(), "fieldnorm"));
    read_all(&world, &projector).expect("lengths of texts are not needed");
    projector.suspect_damage();
    wait_until("it is set aside", DEADLINE, || is_set_aside(&world));
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
}

#[test]
fn a_suspicion_alone_does_not_take_an_index_out_of_service() {
    let mut world = World::new();
    world.append(&Generator::new(55).histories(PROJECT, 50));
    let projector = world.start();
    world.wait(&projector);
    let before = projector.damage_checks();
    projector.suspect_damage();
    wait_until("all files are checked", DEADLINE, || {
        read_all(&world, &projector).expect("answers go on");
        projector.damage_checks() > before
    });
    assert!(!is_set_aside(&world));
    projector.stop();
}

#[test]
fn an_index_whose_files_are_sound_and_whose_calls_are_not_those_of_the_log_is_built_anew_on_suspicion() {
    let mut world = World::new();
    let log = Arc::new(LyingLog::new(Arc::clone(&world.log)));
    world.replace_log(Arc::clone(&log) as _);
    world.append(&Generator::new(56).histories(PROJECT, 50));
    let projector = world.start();
    let wrong = world.wait(&projector);
    log.tell_the_truth();
    assert!(!verify(&wrong, &*world.log).expect("comparable").is_clean());
    projector.suspect_damage();
    wait_until("it is set aside", DEADLINE, || is_set_aside(&world));
    let snapshot = world.wait(&projector);
    world.assert_equal(&snapshot);
    projector.stop();
}
