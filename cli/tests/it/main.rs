//! The binary from outside: what goes in by its doors comes out of its API, whatever happens in between.

mod binary;
mod calls;
mod journey;

mod conformance;
mod crashes;
mod description;
mod edges;
mod folders;
mod imports;
mod kafka;
mod keys;
mod samples;
mod stops;
mod verifying;
