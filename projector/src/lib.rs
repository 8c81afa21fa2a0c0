//! Reads the log, folds events into calls, keeps them in one tantivy index and answers reads from it.

pub mod checkpoint;
mod checksums;
mod damage_checks;
pub mod index;

pub mod snapshot;

mod priority;
mod projector;
mod step;
mod verify;
mod writer;

mod cut_words;
mod docsets;
mod full_text;
mod item;
mod lexicon;
mod list;
mod lowering;
mod relevance;
mod search;
mod state;
mod sums;

mod internal;
mod reader;

pub use checksums::DamagedFile;
pub use damage_checks::Damage;
pub use internal::internal_router;
pub use projector::{MissingRecords, Projector, ProjectorFailure, ProjectorOptions, StartProjectorError};
pub use reader::IndexReader;
pub use verify::{Difference, PassedOverRecord, VerifyError, VerifyReport, verify, verify_folder};
pub use writer::folder::{OpenIndexError, UnusableIndex, new_index};
pub use writer::index_writer;
