//! What every log promises, and what the embedded one promises besides.
#![expect(clippy::indexing_slicing, reason = "a test that indexes too far fails, as it should")]

mod embedded;
mod full_disk;
mod inbox;
mod inbox_refused;
mod kafka;
mod kill;
mod power_cut;
mod raw_producer;
mod reference;
mod suite;
