//! Reads the log, folds events into calls, keeps them in one tantivy index and answers reads from it.

pub mod checkpoint;
mod full_text;
pub mod index;
mod internal;
mod reader;
pub mod snapshot;

pub use internal::internal_router;
pub use reader::IndexReader;
