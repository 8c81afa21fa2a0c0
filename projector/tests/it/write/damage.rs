//! Files of the index that are not as they were written.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use testkit::Generator;

use super::world::{PROJECT, World};

#[derive(Debug, Clone, Copy)]
pub(super) enum Damage {
    /// One bit in the middle is another.
    Bit,
    /// The second half is gone.
    Half,
    Empty,
    Gone,
    Garbage,
}

const ALL: [Damage; 5] = [Damage::Bit, Damage::Half, Damage::Empty, Damage::Gone, Damage::Garbage];

impl Damage {
    pub(super) fn inflict(self, path: &Path) {
        let mut bytes = fs::read(path).expect("readable");
        let middle = bytes.len() / 2;
        match self {
            Self::Bit => bytes[middle] ^= 4,
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
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
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
    let kind = |path: &PathBuf| path.extension().map_or_else(|| path.clone(), PathBuf::from);
    let kinds: BTreeMap<PathBuf, PathBuf> = files(&sound).into_iter().map(|path| (kind(&path), path)).collect();
    assert!(kinds.len() >= 8, "{kinds:?}");
    for path in kinds.values() {
        let name = path.file_name().map(Path::new).expect("a name");
        for damage in ALL {
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
