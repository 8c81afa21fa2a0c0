//! Reads that wait until the log is read far enough.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use projector::IndexReader;
use schemas::access::ReadScope;
use schemas::id::{CallId, LogId, Partition, ProjectId};
use schemas::limits::{WAITING_READS, WAITING_READS_OF_PROJECT};
use schemas::positions::{Offset, Positions};
use schemas::query::Filter;
use schemas::reader::{Answer, CallReader as _, CountRequest, GetRequest, ReadContext, ReadError, WaitFor};
use testkit::wait_until;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::world::{FIRST, PARTITIONS, World, all_columns, call, context, of_partitions, partition};

const SCOPE: ReadScope = ReadScope::Project(FIRST);
/// Longer than any test takes, so that what waits for it does so until it is woken.
const LONG: Duration = Duration::from_mins(10);
const DEADLINE: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(20);

fn wait_for(partitions: impl IntoIterator<Item = (Partition, Offset)>, timeout: Duration) -> WaitFor {
    let partitions = BTreeMap::from_iter(partitions);
    WaitFor { positions: Positions { log: LogId(Uuid::from_u128(1)), partitions, reference: None }, timeout }
}

fn waiting(context: ReadContext, wait_for: WaitFor) -> ReadContext {
    ReadContext { wait_for: Some(wait_for), ..context }
}

fn request(context: ReadContext) -> CountRequest {
    CountRequest { context, filter: Filter::everything() }
}

fn count(world: &World, context: ReadContext) -> Result<u64, ReadError> {
    world.run(world.reader.count(request(context))).map(|answer| answer.content)
}

type Reading = JoinHandle<Result<Answer<u64>, ReadError>>;

/// Counts in the background.
fn start(world: &World, context: ReadContext) -> Reading {
    let reader = Arc::clone(&world.reader);
    world.spawn(async move { reader.count(request(context)).await })
}

fn until_waiting(reader: &IndexReader, reads: usize) {
    wait_until("as many reads wait", DEADLINE, || reader.waiting_reads() == reads);
}

fn end(world: &World, reading: Reading) -> Result<u64, ReadError> {
    world.run(reading).expect("no panic").map(|answer| answer.content)
}

fn world() -> World {
    let mut world = World::new();
    world.apply(call(1, 0, []));
    world.commit();
    world
}

#[test]
fn a_read_waits_until_the_snapshot_has_the_positions_and_shows_what_is_before_them() {
    let mut world = world();
    assert_eq!(count(&world, waiting(context(SCOPE), wait_for([(0, 1), (3, 1)], Duration::ZERO))), Ok(1));
    let third = start(&world, waiting(context(SCOPE), wait_for([(2, 3)], LONG)));
    until_waiting(&world.reader, 1);
    let second = start(&world, waiting(context(SCOPE), wait_for([(2, 2), (1, 1)], LONG)));
    until_waiting(&world.reader, 2);
    world.apply(call(2, 0, []));
    world.commit();
    assert_eq!(end(&world, second), Ok(2));
    assert_eq!(world.reader.waiting_reads(), 1, "one commit is not enough for the other");
    world.apply(call(3, 0, []));
    world.commit();
    assert_eq!(end(&world, third), Ok(3));
    assert_eq!(world.reader.waiting_reads(), 0);
}

#[test]
fn a_read_that_waited_in_vain_names_the_partitions_that_are_behind() {
    let world = world();
    let begun = Instant::now();
    let behind = count(&world, waiting(context(SCOPE), wait_for([(0, 1), (1, 9), (3, 2)], SHORT)));
    assert_eq!(behind, Err(ReadError::Behind { partitions: BTreeSet::from([1, 3]) }));
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(world.reader.waiting_reads(), 0);
}

#[test]
fn a_read_of_some_partitions_waits_for_those_only_and_one_call_for_its_home() {
    let world = world();
    let ahead = || wait_for([(0, 9), (1, 1), (PARTITIONS + 5, 1)], SHORT);
    let is_there = [1, 2].contains(&partition(id(1)));
    assert_eq!(count(&world, waiting(of_partitions(SCOPE, [1, 2]), ahead())), Ok(u64::from(is_there)));
    let get = |call: CallId, wait: WaitFor| {
        let request = GetRequest { context: waiting(context(SCOPE), wait), call, columns: all_columns() };
        world.run(world.reader.get(request)).map(|answer| answer.content.is_some())
    };
    let elsewhere = |call: CallId| (partition(call) + 1) % PARTITIONS;
    assert_eq!(get(id(1), wait_for([(elsewhere(id(1)), 9)], SHORT)), Ok(true));
    let home = partition(id(1));
    let behind = ReadError::Behind { partitions: BTreeSet::from([home]) };
    assert_eq!(get(id(1), wait_for([(home, 9), (elsewhere(id(1)), 9)], SHORT)), Err(behind));
}

fn id(number: u128) -> CallId {
    CallId(Uuid::from_u128(number))
}

#[test]
fn positions_that_nobody_can_reach_are_not_waited_for() {
    let world = world();
    let unknown = count(&world, waiting(context(SCOPE), wait_for([(0, 1), (PARTITIONS, 0), (9, 7)], LONG)));
    assert_eq!(unknown, Err(ReadError::Unavailable { partitions: BTreeSet::from([PARTITIONS, 9]) }));
    let mut other = wait_for([(0, 1)], LONG);
    other.positions.log = LogId(Uuid::from_u128(2));
    assert_eq!(count(&world, waiting(context(SCOPE), other)), Err(ReadError::OtherLog));
    // While it waits the index turns out to be unusable.
    let reading = start(&world, waiting(context(SCOPE), wait_for([(0, 2)], LONG)));
    until_waiting(&world.reader, 1);
    let all: BTreeSet<Partition> = (0..PARTITIONS).collect();
    world.cell.set_unavailable(all.clone());
    let gone = Err(ReadError::Unavailable { partitions: all });
    assert_eq!(end(&world, reading), gone);
    assert_eq!(count(&world, waiting(context(SCOPE), wait_for([(0, 1)], LONG))), gone);
}

#[test]
fn waiting_reads_are_bounded_for_each_project_and_in_all() {
    let mut world = world();
    let of = |project: usize| ReadScope::Project(ProjectId(Uuid::from_u128(project as u128)));
    let ahead = |scope| waiting(context(scope), wait_for([(0, 2)], LONG));
    let mut reads: Vec<Reading> = (0..WAITING_READS_OF_PROJECT).map(|_| start(&world, ahead(of(0)))).collect();
    until_waiting(&world.reader, WAITING_READS_OF_PROJECT);
    assert!(matches!(count(&world, ahead(of(0))), Err(ReadError::TooManyWaiting { .. })));
    let rest = WAITING_READS - WAITING_READS_OF_PROJECT;
    reads.extend((0..rest).map(|at| start(&world, ahead(of(1 + at / WAITING_READS_OF_PROJECT)))));
    until_waiting(&world.reader, WAITING_READS);
    assert!(matches!(count(&world, ahead(SCOPE)), Err(ReadError::TooManyWaiting { .. })));
    // Reads that need not wait are answered as ever, and whoever goes away makes room.
    assert_eq!(world.count(SCOPE, Filter::everything()), 1);
    reads.swap_remove(0).abort();
    until_waiting(&world.reader, WAITING_READS - 1);
    reads.push(start(&world, ahead(SCOPE)));
    until_waiting(&world.reader, WAITING_READS);
    world.commit();
    for reading in reads {
        assert!(end(&world, reading).is_ok());
    }
    assert_eq!(world.reader.waiting_reads(), 0);
}
