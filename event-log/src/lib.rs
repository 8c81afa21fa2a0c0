//! The log behind one trait, with the adapter that keeps it on local disk, and the reference data that follow from it.

mod data_folder;
mod embedded;
mod log;
mod reference;

pub use data_folder::{DataFolder, DataFolderError};
pub use embedded::{EmbeddedLog, EmbeddedOptions, OpenEmbeddedError};
pub use log::{
    AppendError, Bounds, EventLog, LogReader, LogRecord, NewRecord, Position, ReadBatch, ReadLogError, Topic,
};
pub use reference::{LogIdError, ReferenceFollower, append_reference, log_id, new_log_id};
