//! Reads the log, folds events into calls, keeps them in one tantivy index and answers reads from it.

pub mod checkpoint;
pub mod index;
