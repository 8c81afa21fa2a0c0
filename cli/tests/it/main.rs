//! The binary from outside: what goes in by its doors comes out of its API, whatever happens in between.
#![expect(clippy::indexing_slicing, reason = "a test that indexes too far fails, as it should")]

mod answers;
mod binary;
mod calls;
mod journey;

mod abandoned;
mod broker_away;
mod chaos;
mod conformance;
mod consistency;
mod crashes;
mod dead_letters;
mod description;
mod edges;
mod folders;
mod full_disk;
mod imports;
mod inbox;
mod inbox_refused;
mod isolation;
mod kafka;
mod kafka_logs;
mod keys;
mod loadgen;
mod outages;
mod permissions;
mod poison;
mod rebuilds;
mod replicas;
mod samples;
mod stops;
mod verifying;
mod walks;
