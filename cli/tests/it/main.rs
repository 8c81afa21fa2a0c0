//! The binary from outside: what goes in by its doors comes out of its API, whatever happens in between.

mod binary;
mod broker;
mod calls;
mod journey;

mod abandoned;
mod conformance;
mod crashes;
mod dead_letters;
mod folders;
mod imports;
mod inbox;
mod kafka;
mod keys;
mod outages;
mod poison;
mod samples;
mod stops;
mod verifying;
