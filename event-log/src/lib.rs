//! The log behind one trait, with an adapter that keeps it on local disk and one that keeps it in Kafka, and the
//! reference data followed from it.

mod data_folder;
mod embedded;
mod kafka;
mod log;
mod reference;

pub use data_folder::{DataFolder, DataFolderError};
pub use embedded::{EmbeddedLog, EmbeddedOptions, OpenEmbeddedError};
pub use kafka::{
    InboxDraft, InboxError, InboxItem, InboxRecord, KafkaInbox, KafkaLog, KafkaOptions, OpenKafkaError, TopicError,
    UnreadableRecord,
};
pub use log::{
    AppendError, Bounds, EventLog, LogReader, LogRecord, NewRecord, Position, ReadBatch, ReadLogError, Topic,
    headers_bytes,
};
pub use reference::{LogIdError, ReferenceFollower, append_reference, log_id, new_log_id};
