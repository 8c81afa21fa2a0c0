//! Random histories, held against testkit's oracle: events in any order, repeated, cut into batches anywhere, with
//! crashes between any two steps of a commit and any two files of it, full disks, merges and rebuilds. Whenever the
//! index answers, every call, field, count, sum and search has to follow from the records before its positions, and
//! from no others.
//!
//! All of it runs on the test's own thread but for tantivy's merges, so that a failure comes again from its seed and
//! shrinks to a few steps.

mod api;
mod crash;
mod events;
mod process;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use testkit::oracle::Event;

use self::process::Process;
use crate::step::Step;

/// Cases of a run that says nothing else in `PROPTEST_CASES`.
const CASES: u32 = 48;
/// Different events of one call, at most: the oracle looks at every choice of those that an answer may be without.
const EVENTS_OF_A_CALL: usize = 9;

/// What happens next.
#[derive(Debug, Clone)]
enum Happening {
    /// A producer appends an event.
    Append(Arc<Event>),
    /// It appends the event again that was appended at this place.
    Again(usize),
    /// A batch of so many records, or of those of them in one partition, goes into the writer.
    Apply {
        records: usize,
        partition: Option<u32>,
    },
    Commit,
    /// Everything is merged into one segment.
    Merge,
    /// Goes on with another number of threads.
    Threads(usize),
    /// A commit fails, and the session begins again from the last one.
    FullDisk(Full),
    /// The process dies before it has committed.
    Crash,
    /// The process dies in a commit, as this step begins.
    CrashAt(Step),
    /// The process dies in a commit, after so many changes of files.
    CrashAfter(usize),
    /// The index is dropped and built anew.
    Rebuild,
}

#[derive(Debug, Clone, Copy)]
enum Full {
    /// No file can be begun.
    Files,
    /// The list of segments can't be replaced, and a merge comes after that.
    List,
}

/// The events appended so far, in order.
#[derive(Debug)]
struct History;

impl ReferenceStateMachine for History {
    type State = Vec<Arc<Event>>;
    type Transition = Happening;

    fn init_state() -> BoxedStrategy<Self::State> {
        Just(Vec::new()).boxed()
    }

    fn transitions(appended: &Self::State) -> BoxedStrategy<Happening> {
        let partition = proptest::option::weighted(0.3, 0..process::PARTITIONS.get());
        let apply = (1usize..12, partition).prop_map(|(records, partition)| Happening::Apply { records, partition });
        let step = prop_oneof![
            Just(Step::WriteSegments),
            Just(Step::SwapList),
            Just(Step::SyncFolder),
            Just(Step::Reload),
            Just(Step::Publish),
            Just(Step::Visible),
        ];
        prop_oneof![
            24 => events::event().prop_map(|event| Happening::Append(Arc::new(event))),
            4 => (0..appended.len().max(1)).prop_map(Happening::Again),
            8 => apply,
            6 => Just(Happening::Commit),
            1 => Just(Happening::Merge),
            1 => (1usize..3).prop_map(Happening::Threads),
            1 => prop_oneof![Just(Full::Files), Just(Full::List)].prop_map(Happening::FullDisk),
            1 => Just(Happening::Crash),
            3 => step.prop_map(Happening::CrashAt),
            3 => (0usize..40).prop_map(Happening::CrashAfter),
            1 => Just(Happening::Rebuild),
        ]
        .boxed()
    }

    fn apply(mut appended: Self::State, happening: &Happening) -> Self::State {
        match happening {
            Happening::Append(event) => appended.push(Arc::clone(event)),
            Happening::Again(at) => appended.extend(appended.get(*at).cloned()),
            _ => {}
        }
        appended
    }

    fn preconditions(appended: &Self::State, happening: &Happening) -> bool {
        match happening {
            Happening::Append(event) => {
                let same = appended.iter().filter(|other| other.call == event.call);
                let times: BTreeSet<&str> = same.map(|other| other.time.as_str()).collect();
                times.len() < EVENTS_OF_A_CALL && !times.contains(event.time.as_str())
            }
            Happening::Again(at) => *at < appended.len(),
            _ => true,
        }
    }
}

struct Projecting;

impl StateMachineTest for Projecting {
    type SystemUnderTest = Process;
    type Reference = History;

    fn init_test(_: &Vec<Arc<Event>>) -> Process {
        Process::new()
    }

    fn apply(mut process: Process, appended: &Vec<Arc<Event>>, happening: Happening) -> Process {
        let shows_nothing = matches!(happening, Happening::Append(_) | Happening::Again(_) | Happening::Apply { .. });
        match happening {
            Happening::Append(event) => process.append(event),
            Happening::Again(_) => process.append(Arc::clone(appended.last().expect("it was appended just now"))),
            Happening::Apply { records, partition } => process.read(records, partition),
            Happening::Commit => process.commit(),
            Happening::Merge => process.merge(),
            Happening::Threads(threads) => process.go_on_with(threads),
            Happening::FullDisk(full) => process.meet_a_full_disk(full),
            Happening::Crash => process.crash(),
            Happening::CrashAt(step) => process.crash_at(step),
            Happening::CrashAfter(changes) => process.crash_after(changes),
            Happening::Rebuild => process.rebuild(),
        }
        if !shows_nothing {
            process.check();
        }
        process
    }

    fn teardown(mut process: Process, _: Vec<Arc<Event>>) {
        process.read(usize::MAX, None);
        process.commit();
        process.check();
        process.check_stored();
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_the_index_its_answers_are_those_of_the_oracle(sequential 1..70 => Projecting);
}

/// What `PROPTEST_CASES` says, which proptest's own default has read.
fn cases() -> u32 {
    let ProptestConfig { cases, .. } = ProptestConfig::default();
    if cases == DEFAULT_CASES { CASES } else { cases }
}

/// What proptest runs when nobody says how many.
const DEFAULT_CASES: u32 = 256;
