//! The binary from outside: what goes in by its doors comes out of its API, whatever happens in between.

mod binary;
mod calls;
mod journey;

mod broker_away;
mod conformance;
mod consistency;
mod crashes;
mod folders;
mod full_disk;
mod imports;
mod kafka;
mod keys;
mod replicas;
mod samples;
mod stops;
mod verifying;
