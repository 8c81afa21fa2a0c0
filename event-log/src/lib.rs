//! The log behind one trait, with an embedded and a Kafka adapter, and the reference data followed from it.

mod log;

pub use log::{
    AppendError, Bounds, EventLog, LogReader, LogRecord, NewRecord, Position, ReadBatch, ReadLogError, Topic,
};
