//! Which faults come, and when: all of it follows from the seed.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::role::Moment;
use super::steps::{AIMS, Aim};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// kill -9 of a role, started again at once, and sometimes killed again while it starts.
    Kill,
    /// The index deleted, and kills while it is built anew.
    Rebuild,
    /// SIGSTOP of a role, and SIGCONT.
    Pause,
    /// A file of an index cut, changed or gone, or the whole folder.
    Damage,
    /// A file of an embedded log removed, cut or changed: what is lost by that has to be told.
    LogDamage,
    /// No room on the disk of the data, and room again.
    DiskFull,
    /// Clocks that jump.
    Clock,
    /// The broker killed with -9 and started again.
    BrokerKill,
    /// The broker stopped with SIGSTOP, and SIGCONT.
    BrokerPause,
    /// The network to the broker slow, stuck, cut or torn.
    Network,
    /// No way to the broker for longer than an append waits.
    Outage,
    /// Ingest processes that come and go.
    Rebalance,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", PossibleValue::get_name))
    }
}

/// Steps of a start, of the list of steps.
const START_STEPS: usize = 3;

fn millis(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_micros(random.random_range(least * 1000..=most * 1000))
}

/// A kill of a process that works: at a random moment or soon after a step begins.
pub(super) fn kill(random: &mut StdRng) -> Moment {
    moment(random, AIMS.get(START_STEPS..).unwrap_or_default(), 600)
}

/// A kill of a process that has just been started.
pub(super) fn kill_at_start(random: &mut StdRng) -> Moment {
    moment(random, AIMS.get(..START_STEPS).unwrap_or_default(), 150)
}

fn moment(random: &mut StdRng, steps: &[&'static str], within_ms: u64) -> Moment {
    match steps.choose(random) {
        Some(step) if random.random_bool(0.6) => {
            let delay = if random.random_bool(0.5) { Duration::ZERO } else { millis(random, 0, 3) };
            Moment::At(Aim { step, delay })
        }
        _ => Moment::After(millis(random, 0, within_ms)),
    }
}

/// How long something lasts.
pub(super) fn lasts(random: &mut StdRng, least_ms: u64, most_ms: u64) -> Duration {
    millis(random, least_ms, most_ms)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn the_same_seed_kills_at_the_same_moments() {
        let kills = |seed| {
            let mut random = StdRng::seed_from_u64(seed);
            (0..20).map(|_| kill(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(kills(1), kills(1));
        assert_ne!(kills(1), kills(2));
    }
}
