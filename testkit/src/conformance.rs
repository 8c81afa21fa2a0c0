//! Conformance cases: requests with their expected answers, run against a fresh server.
//!
//! Fixtures go in through the front doors, events and reference data, and nothing is written into an index by hand.

mod alterations;
mod case;
mod fixtures;
mod load;
mod matcher;
mod run;
mod suite;

pub use alterations::alterations;
pub use case::{Case, Form};
pub use fixtures::Fixtures;
pub use load::{start_server, start_server_at};
pub use matcher::differences;
pub use run::{Report, run, send};
pub use suite::Suite;
