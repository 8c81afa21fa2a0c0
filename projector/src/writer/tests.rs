use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use event_log::{LogRecord, Position, ReadBatch};
use proptest::prelude::*;
use schemas::event::{CallData, CallEvent, CallEventType};
use schemas::fold::{CallState, FOLD_VERSION};
use schemas::id::{CallKey, LogId, ProjectId, home_partition};
use schemas::model::Column;
use schemas::time::Timestamp;
use schemas::value::Value;
use tantivy::Directory as _;
use testkit::{Generator, wait_until};
use uuid::Uuid;

use super::batch::{FoldedBatch, value_hash};
use super::failing_directory::FailingDirectory;
use super::folder::{OpenIndexError, create_in, is_damage, open_in};
use super::stored::stored_state;
use super::{CallWriter, Checkpoint, WriteIndexError};
use crate::index::schema::CallFields;

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(5));
const PARTITIONS: NonZeroU32 = NonZeroU32::new(2).expect("not zero");

/// A log in memory, and an index in memory beside it.
struct World {
    records: Vec<LogRecord>,
    states: BTreeMap<CallKey, CallState>,
    directory: FailingDirectory,
    fields: Arc<CallFields>,
}

impl World {
    fn new(seed: u64, calls: usize) -> Self {
        Self::of(Generator::new(seed).histories(PROJECT, calls))
    }

    fn of(events: Vec<CallEvent>) -> Self {
        let mut next = BTreeMap::<u32, u64>::new();
        let mut states: BTreeMap<CallKey, CallState> = BTreeMap::new();
        let mut records = Vec::new();
        for event in events {
            let partition = home_partition(event.key.call, PARTITIONS);
            let offset = next.entry(partition).or_default();
            let value = event.encode();
            let (key, state) = (event.key, CallState::of(event, value_hash(&value)));
            match states.get_mut(&key) {
                None => drop(states.insert(key, state)),
                Some(known) => drop(known.merge(state)),
            }
            records.push(LogRecord {
                position: Position { partition, offset: *offset },
                timestamp_ms: 0,
                key: bytes::Bytes::new(),
                value: Some(value.into()),
                headers: Vec::new(),
            });
            *offset += 1;
        }
        Self { records, states, directory: FailingDirectory::default(), fields: Arc::new(CallFields::new()) }
    }

    fn create(&self) -> CallWriter {
        let wanted = Checkpoint::new(LogId(Uuid::nil()), FOLD_VERSION, 0..PARTITIONS.get());
        let opened = create_in(self.directory.clone(), &self.fields, &wanted).expect("a new index");
        let mut writer = CallWriter::new(opened, Arc::clone(&self.fields), 1).expect("a writer");
        writer.commit().expect("committed");
        writer
    }

    fn open(&self) -> CallWriter {
        let opened = open_in(self.directory.clone(), &self.fields).expect("an index");
        CallWriter::new(opened, Arc::clone(&self.fields), 1).expect("a writer")
    }

    /// So many records after the writer's positions, in the order of the log.
    fn batch(&self, writer: &CallWriter, count: usize) -> FoldedBatch {
        let next = writer.checkpoint().next();
        let is_new = |record: &&LogRecord| next.get(&record.position.partition) <= Some(&record.position.offset);
        let records = self.records.iter().filter(is_new).take(count).cloned().collect();
        FoldedBatch::of(ReadBatch { records, next: BTreeMap::new() }, PARTITIONS)
    }

    fn apply(&self, writer: &mut CallWriter, count: usize) -> Result<(), WriteIndexError> {
        writer.apply(self.batch(writer, count)).map(drop)
    }

    fn assert_equal(&self, writer: &CallWriter) {
        let searcher = writer.committed();
        assert_eq!(searcher.num_docs(), self.states.len() as u64);
        for (key, state) in &self.states {
            let stored = stored_state(searcher, &self.fields, *key).expect("readable");
            assert_eq!(stored.as_ref(), Some(state));
        }
    }
}

/// Whether trying again from the last commit may help.
fn may_pass(error: &WriteIndexError) -> bool {
    matches!(error, WriteIndexError::Index(error) if !is_damage(error))
}

/// What a merge would publish after a failed commit: with its documents and without their deletes, calls would be there
/// twice for good.
#[test]
fn nothing_of_a_failed_commit_appears_whatever_merges_end_after_it() {
    for seed in 0..30 {
        let world = World::new(seed, 12);
        let mut writer = world.create();
        for _ in 0..3 {
            world.apply(&mut writer, 5).expect("applied");
            writer.commit().expect("committed");
        }
        drop(writer);
        // tantivy begins to merge what has many deletes while the commit is made.
        let mut writer = world.open();
        let before = world.open_read_only();
        world.apply(&mut writer, 8).expect("applied");
        world.directory.no_meta.store(true, Ordering::SeqCst);
        let failed = writer.commit().expect_err("the list of segments can't be written");
        assert!(may_pass(&failed), "{failed:?}");
        world.directory.no_meta.store(false, Ordering::SeqCst);
        writer.merge_all();
        drop(writer);
        assert_eq!(world.open_read_only(), before, "seed {seed}");

        let mut writer = world.open();
        world.apply(&mut writer, usize::MAX).expect("applied");
        writer.commit().expect("committed");
        world.assert_equal(&writer);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_merge_and_several_that_index_let_the_others_go_first() {
    let world = World::new(7, 60);
    let mut writer = world.create();
    let own = i64::from(rustix::process::getpriority_process(None).expect("Linux"));
    let has = |name, niceness: i64| testkit::niceness_of(name).contains(&own.max(niceness));
    for threads in [1, 2] {
        writer = writer.with_threads(threads).expect("reopened");
        world.apply(&mut writer, 20).expect("applied");
        let niceness = if threads == 1 { 0 } else { 5 };
        wait_until("the threads index", Duration::from_mins(1), || has("thrd-tantivy", niceness));
        writer.commit().expect("committed");
    }
    writer.merge_all();
    assert_eq!(writer.index.searchable_segment_ids().expect("readable").len(), 1);
    assert!(has("merge_thread", 10) && has("segment_updater", 0));
}

#[test]
fn a_commit_that_failed_leaves_nothing_in_the_way_of_the_same_commit() {
    let world = World::new(7, 60);
    let mut writer = world.create();
    world.apply(&mut writer, 60).expect("applied");
    writer.commit().expect("committed");
    drop(writer);
    // As nothing else comes meanwhile, tantivy gives the same number to the second attempt, and the same names to
    // files.
    let attempt = || {
        let mut writer = world.open();
        world.apply(&mut writer, usize::MAX).expect("applied");
        writer.commit().map(|()| writer)
    };
    world.directory.no_meta.store(true, Ordering::SeqCst);
    assert!(attempt().is_err(), "the list of segments can't be written");
    world.directory.no_meta.store(false, Ordering::SeqCst);
    world.assert_equal(&attempt().expect("committed"));
}

#[test]
fn a_full_disk_costs_nothing_but_the_way_back_to_the_last_commit() {
    let world = World::new(2, 40);
    let mut writer = world.create();
    world.apply(&mut writer, 20).expect("applied");
    writer.commit().expect("committed");
    world.directory.no_files.store(true, Ordering::SeqCst);
    let failed = world.apply(&mut writer, 20).and_then(|()| writer.commit()).expect_err("no space");
    assert!(may_pass(&failed), "{failed:?}");
    drop(writer);
    world.directory.no_files.store(false, Ordering::SeqCst);
    let mut writer = world.open();
    world.apply(&mut writer, usize::MAX).expect("applied");
    writer.commit().expect("committed");
    world.assert_equal(&writer);
}

#[test]
fn a_merge_that_ends_after_its_writer_was_given_up_takes_no_commit_back() {
    let world = World::new(3, 60);
    let mut writer = world.create();
    for _ in 0..3 {
        world.apply(&mut writer, 10).expect("applied");
        writer.commit().expect("committed");
    }
    let segments = writer.index.searchable_segment_ids().expect("readable");
    world.directory.hold.hold_next();
    let merging = writer.writer.merge(&segments);
    world.directory.hold.wait_until_held();

    let mut writer = writer.with_threads(2).expect("a writer");
    world.apply(&mut writer, usize::MAX).expect("applied");
    writer.commit().expect("committed");
    world.directory.hold.let_go();
    // Whether the merge counts as done or not is tantivy's affair.
    drop(merging.wait());
    assert_eq!(world.open_read_only().0, *writer.checkpoint(), "the last commit is still there");
    drop(writer);
    let mut writer = world.open();
    world.apply(&mut writer, usize::MAX).expect("applied");
    writer.commit().expect("committed");
    world.assert_equal(&writer);
}

#[test]
fn a_batch_that_rewrites_large_calls_is_committed_in_parts_and_read_again_after_a_crash() {
    let mut generator = Generator::new(8);
    let recorded: Vec<CallEvent> = (0..20).map(|_| generator.recorded(PROJECT)).collect();
    let mut annotation = CallData::default();
    annotation.claim(Column::Feature, Value::text("support"));
    let annotated = recorded.iter().map(|event| CallEvent {
        id: format!("{} annotated", event.id).into(),
        event_type: CallEventType::Annotated,
        data: annotation.clone(),
        ..event.clone()
    });
    let world = World::of(recorded.iter().cloned().chain(annotated).collect());
    let mut writer = world.create();
    world.apply(&mut writer, 20).expect("applied");
    writer.commit().expect("committed");
    let (checkpoint, commits) = (writer.checkpoint().clone(), writer.commits);
    writer.apply_within(1, world.batch(&writer, usize::MAX)).expect("applied");
    assert_eq!(writer.commits - commits, 20, "each call has a text");
    drop(writer);
    let mut writer = world.open();
    assert_eq!(*writer.checkpoint(), checkpoint);
    world.apply(&mut writer, usize::MAX).expect("applied");
    writer.commit().expect("committed");
    world.assert_equal(&writer);
}

/// The same call told again, a second later.
fn again(event: &CallEvent) -> CallEvent {
    CallEvent { id: format!("{} again", event.id).into(), time: Timestamp(event.time.0 + 1_000_000), ..event.clone() }
}

#[test]
fn the_first_update_of_a_new_writer_counts_in_a_merge_that_begins_before_its_first_commit() {
    let mut generator = Generator::new(4);
    let mut events: Vec<CallEvent> = (0..13).map(|_| generator.recorded(PROJECT)).collect();
    events.insert(10, again(&events[0]));
    events.push(again(&events[1]));
    let world = World::of(events);
    let mut writer = world.create();
    world.apply(&mut writer, 10).expect("applied");
    writer.commit().expect("committed");
    // One segment has a deleted document since the last commit, the other has none.
    world.apply(&mut writer, 4).expect("applied");
    writer.commit().expect("committed");
    drop(writer);

    let mut writer = world.open();
    world.apply(&mut writer, 1).expect("applied");
    let mut segments = writer.index.searchable_segment_metas().expect("readable");
    segments.sort_by_key(tantivy::SegmentMeta::has_deletes);
    let segments: Vec<_> = segments.iter().map(tantivy::SegmentMeta::id).collect();
    assert_eq!(segments.len(), 2);
    writer.writer.merge(&segments).wait().expect("merged");
    writer.commit().expect("committed");
    world.assert_equal(&writer);
}

#[test]
fn whatever_bit_of_the_list_of_segments_is_wrong_the_index_is_not_used() {
    let world = World::new(6, 20);
    let mut writer = world.create();
    world.apply(&mut writer, usize::MAX).expect("applied");
    writer.commit().expect("committed");
    drop(writer);
    let list = Path::new("meta.json");
    let bytes = world.directory.atomic_read(list).expect("there is a list");
    // Neighbours of a bit fare as it does: one of seven is enough.
    for at in (0..bytes.len() * 8).step_by(7) {
        let mut wrong = bytes.clone();
        wrong[at / 8] ^= 1 << (at % 8);
        world.directory.atomic_write(list, &wrong).expect("written");
        let opened = open_in(world.directory.clone(), &world.fields);
        assert!(matches!(opened, Err(OpenIndexError::Unusable(_))), "bit {} of byte {}", at % 8, at / 8);
    }
    world.directory.atomic_write(list, &bytes).expect("written");
    world.assert_equal(&world.open());
}

impl World {
    /// The payload and the number of documents on disk.
    fn open_read_only(&self) -> (Checkpoint, u64) {
        let opened = open_in(self.directory.clone(), &self.fields).expect("an index");
        (opened.checkpoint, opened.reader.searcher().num_docs())
    }
}

/// What happens between two batches.
#[derive(Debug, Clone, Copy)]
enum Step {
    Apply(usize),
    Commit,
    /// The process dies: what was not committed is gone.
    Crash,
    Threads(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..25).prop_map(Step::Apply),
        2 => Just(Step::Commit),
        1 => Just(Step::Crash),
        1 => (1usize..3).prop_map(Step::Threads),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_index_is_the_fold_of_the_log_whatever_batches_commits_and_crashes_there_were(
        seed in 0u64..1000,
        steps in proptest::collection::vec(step(), 1..25),
    ) {
        let world = World::new(seed, 40);
        let mut writer = world.create();
        for step in steps {
            match step {
                Step::Apply(count) => world.apply(&mut writer, count).expect("applied"),
                Step::Commit => writer.commit().expect("committed"),
                Step::Crash => {
                    drop(writer);
                    writer = world.open();
                }
                Step::Threads(threads) => {
                    writer.commit().expect("committed");
                    writer = writer.with_threads(threads).expect("a writer");
                }
            }
        }
        world.apply(&mut writer, usize::MAX).expect("applied");
        writer.commit().expect("committed");
        world.assert_equal(&writer);
    }
}
