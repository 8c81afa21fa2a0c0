//! With the log away reads go on, and say how far they are behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use projector::Projector;
use schemas::access::ReadScope;
use schemas::query::Filter;
use schemas::reader::{Answer, CountRequest, ReadContext};
use schemas::time::{Clock, Timestamp};
use testkit::{Generator, wait_until};

use super::away_log::{AwayLog, Reach};
use super::world::{DEADLINE, PROJECT, World};

/// A clock that stands still until it is put on.
#[derive(Clone, Default)]
struct HandClock(Arc<AtomicI64>);

impl HandClock {
    fn put_on(&self, time_ms: i64) {
        self.0.fetch_add(time_ms, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let Self(now) = self.clone();
        Clock::new(move || Timestamp::from_millis(1_700_000_000_000 + now.load(Ordering::SeqCst)))
    }
}

fn count(world: &World, projector: &Projector) -> Answer<u64> {
    let context = ReadContext { scope: ReadScope::EveryProject, partitions: None, wait_for: None, timeout: DEADLINE };
    let request = CountRequest { context, filter: Filter::everything() };
    world.run(projector.reader().count(request)).expect("an answer")
}

#[test]
fn an_answer_is_as_far_behind_as_the_log_is_away_and_says_so_until_it_has_caught_up() {
    for gone in [Reach::Refused, Reach::Silent] {
        let hand = HandClock::default();
        let mut world = World::with_clock(hand.clock());
        let log = AwayLog::before(&mut world);
        world.append(&Generator::new(41).histories(PROJECT, 30));
        let projector = world.start();
        world.wait(&projector);
        // An hour passes, and the log has nothing new: the answer is as of now.
        hand.put_on(3_600_000);
        wait_until("the log was asked again", DEADLINE, || count(&world, &projector).lag_ms == 0);

        let turned_away = log.turned_away();
        log.set(gone);
        // A read that had begun is at its end.
        wait_until("the projector is turned away", DEADLINE, || log.turned_away() > turned_away);
        let before = count(&world, &projector).content;
        let mut generator = Generator::new(42);
        world.append(&[generator.recorded(PROJECT)]);
        hand.put_on(5_000);
        let answer = count(&world, &projector);
        assert_eq!((answer.content, answer.lag_ms), (before, 5_000), "{gone:?}");
        hand.put_on(60_000);
        assert_eq!(count(&world, &projector).lag_ms, 65_000, "{gone:?}");
        assert_eq!(projector.status().lag_ms(), 65_000);

        log.set(Reach::There);
        wait_until("what came meanwhile is there", DEADLINE, || count(&world, &projector).lag_ms == 0);
        assert_eq!(count(&world, &projector).content, before + 1, "{gone:?}");
        projector.stop();
    }
}

#[test]
fn a_log_that_is_read_is_not_silent_however_far_its_end_is() {
    let mut world = World::new();
    let log = AwayLog::before(&mut world);
    let projector = world.start();
    world.wait(&projector);
    log.set(Reach::Long);
    let mut generator = Generator::new(43);
    // Where the log ends is asked once more behind the first, and not again.
    for calls in 1..=2 {
        world.append(&[generator.recorded(PROJECT)]);
        wait_until("the call is there", DEADLINE, || count(&world, &projector).content == calls);
    }
    let before = Instant::now();
    world.append(&[generator.recorded(PROJECT)]);
    wait_until("the last call is there", DEADLINE, || count(&world, &projector).content == 3);
    assert!(projector.status().log_silent() < before.elapsed());
    projector.stop();
}
