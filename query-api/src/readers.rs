//! Readers of other processes, and several readers as one.

mod cover;
mod merged;
mod remote;

pub use merged::MergedReader;
pub use remote::{RemoteReader, RemoteReaderError};
