//! The way of an event from the log into the index, and back from every interruption.

mod away_log;
mod damage;
mod gap_log;
mod interruptions;
mod lying_log;
mod projecting;
mod refusals;
mod staleness;
mod world;
