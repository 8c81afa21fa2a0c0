//! Events written to a file once, so that whatever is measured reads the same bytes and pays nothing for making them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;
use schemas::event::CallEvent;
use schemas::id::{Partition, home_partition};
use schemas::limits::PARTITIONS;

const BUFFER_BYTES: usize = 1 << 20;

/// The partitions of every log that is measured.
pub(crate) const LOG_PARTITIONS: NonZeroU32 = NonZeroU32::new(PARTITIONS).expect("not zero");

/// A file of events.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    path: PathBuf,
    pub(crate) events: u64,
    /// Of all values together.
    pub(crate) bytes: u64,
}

impl Spool {
    pub(crate) fn write(path: &Path, events: impl Iterator<Item = Result<CallEvent>>) -> Result<Self> {
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        let mut spool = Self { path: path.to_owned(), events: 0, bytes: 0 };
        for event in events {
            let event = event?;
            let value = event.encode();
            let length = u32::try_from(value.len())?;
            file.write_all(&home_partition(event.key.call, LOG_PARTITIONS).to_le_bytes())?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&value)?;
            spool.events += 1;
            spool.bytes += u64::from(length);
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(spool)
    }

    /// The events again, each with its home partition.
    pub(crate) fn read(&self) -> Result<impl Iterator<Item = io::Result<(Partition, Bytes)>> + use<>> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(&self.path)?);
        let events = self.events;
        Ok((0..events).map(move |_| {
            let partition = number(&mut file)?;
            let length = usize::try_from(number(&mut file)?).map_err(io::Error::other)?;
            let mut value = vec![0; length];
            file.read_exact(&mut value)?;
            Ok((partition, Bytes::from(value)))
        }))
    }
}

fn number(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use schemas::time::Date;

    use super::super::{Corpus, Mix};
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let corpus = Corpus::new(None, 50, Date(1_760_000_000_000));
        let events = || corpus.events(Mix::Updated).expect("no file");
        let spool = Spool::write(&folder.path().join("spool"), events()).expect("writable");
        let read: Vec<Bytes> = spool.read().expect("readable").map(|event| event.expect("readable").1).collect();
        let written: Vec<Vec<u8>> = events().map(|event| event.expect("no file").encode()).collect();
        assert_eq!(read, written);
        assert_eq!((spool.events, spool.bytes), (read.len() as u64, read.iter().map(|value| value.len() as u64).sum()));
    }
}
