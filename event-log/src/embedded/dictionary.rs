//! What the records of a log have in common, so that blocks of a few records are compressed as well as large ones.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::ops::Range;
use std::thread::JoinHandle;

use bytes::Bytes;

use crate::log::NewRecord;

/// Records that a dictionary is made of, in bytes.
const SAMPLE_BYTES: usize = 1024 * 1024;
/// How much of a record is looked at, and what it has to have: zstd finds nothing in less.
const RECORD_BYTES: Range<usize> = 8..32 * 1024;
/// Greatest size of a dictionary.
const DICTIONARY_BYTES: usize = 64 * 1024;
/// The first dictionary is made of the first records, the next one after so many times as much has come,
const LATER: usize = 16;
/// and each later one again after so many times as much, but at least this often: what products ask changes.
const EVERY_BYTES: usize = 1024 * 1024 * 1024;

/// Which dictionary a block was compressed with: zstd writes it into both. Those below are
/// [for registered ones](https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md#dictionary-format).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DictionaryId(u32);

impl DictionaryId {
    pub(super) const FIRST: Self = Self(32_768);
    /// What the keys of all of them begin with.
    pub(super) const KEYS: &[u8] = b"dictionary-";

    /// Where the log has it: after those before it.
    pub(super) fn key(self) -> Vec<u8> {
        [Self::KEYS, &self.0.to_be_bytes()].concat()
    }

    /// None when it is no key.
    pub(super) fn of_key(key: &[u8]) -> Option<Self> {
        key.strip_prefix(Self::KEYS)?.try_into().ok().map(|id| Self(u32::from_be_bytes(id)))
    }
}

impl From<NonZeroU32> for DictionaryId {
    fn from(id: NonZeroU32) -> Self {
        Self(id.get())
    }
}

impl fmt::Display for DictionaryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A dictionary of zstd with an id of the log's own.
pub(super) struct Dictionary {
    pub(super) id: DictionaryId,
    pub(super) bytes: Vec<u8>,
}

impl Dictionary {
    /// Where zstd's format has the id, little-endian, behind its magic number.
    const ID: Range<usize> = 4..8;

    pub(super) fn of(samples: &[Bytes], id: DictionaryId) -> io::Result<Self> {
        let mut bytes = zstd::dict::from_samples(samples, DICTIONARY_BYTES)?;
        let place = bytes.get_mut(Self::ID).ok_or(io::ErrorKind::InvalidData)?;
        place.copy_from_slice(&id.0.to_le_bytes());
        Ok(Self { id, bytes })
    }
}

/// Makes dictionaries of what is appended, on a thread of its own.
pub(super) struct Training {
    next: DictionaryId,
    samples: Vec<Bytes>,
    /// The next dictionary is made after this many bytes,
    after: usize,
    /// of which so many have come.
    seen: usize,
    running: Option<JoinHandle<io::Result<Dictionary>>>,
}

impl Training {
    /// For a log whose newest dictionary is this one.
    pub(super) fn new(newest: Option<DictionaryId>) -> Self {
        let (next, after) = match newest {
            None => (DictionaryId::FIRST, SAMPLE_BYTES),
            Some(DictionaryId(newest)) => (DictionaryId(newest + 1), SAMPLE_BYTES * LATER),
        };
        Self { next, samples: Vec::new(), after, seen: 0, running: None }
    }

    /// Looks at a record that is appended.
    pub(super) fn see(&mut self, record: &NewRecord) {
        let Some(value) = &record.value else { return };
        if self.running.is_some() || value.len() < RECORD_BYTES.start {
            return;
        }
        self.seen += value.len();
        if self.seen + SAMPLE_BYTES > self.after {
            self.samples.push(Bytes::copy_from_slice(value.get(..RECORD_BYTES.end).unwrap_or(value)));
        }
        if self.seen >= self.after {
            let (samples, id) = (std::mem::take(&mut self.samples), self.next);
            let make = move || Dictionary::of(&samples, id);
            match std::thread::Builder::new().name("log-dictionary".into()).spawn(make) {
                Ok(running) => self.running = Some(running),
                Err(error) => tracing::warn!(error = %error, "no dictionary is made"),
            }
            self.seen = 0;
        }
    }

    /// The dictionary that was made since, once.
    pub(super) fn made(&mut self) -> Option<Dictionary> {
        let made = self.running.take_if(|running| running.is_finished())?.join();
        match made.unwrap_or_else(|_| Err(io::Error::other("the thread panicked"))) {
            Ok(dictionary) => {
                self.next = DictionaryId(dictionary.id.0 + 1);
                self.after = (self.after * LATER).min(EVERY_BYTES);
                Some(dictionary)
            }
            Err(error) => {
                // Records that have nothing in common, for one.
                tracing::debug!(error = %error, "no dictionary could be made");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::embedded::block::{BlockDecoder, BlockEncoder, DamagedBlock};

    fn record(number: usize) -> NewRecord {
        let value = format!(
            r#"{{"specversion":"1.0","source":"llm-log-http","data":{{"requestPrompt":"What does {number} weigh?"}}}}"#
        );
        NewRecord { partition: 0, key: Bytes::new(), value: Some(value.into()), headers: Vec::new() }
    }

    fn made(training: &mut Training) -> Dictionary {
        let start = Instant::now();
        loop {
            if let Some(dictionary) = training.made() {
                return dictionary;
            }
            assert!(start.elapsed() < Duration::from_mins(1), "no dictionary is made");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_dictionary_is_made_of_the_first_records_and_others_ever_more_seldom() {
        let mut training = Training::new(None);
        let mut counts = Vec::new();
        for id in 0..2 {
            let mut count = 0;
            while training.running.is_none() {
                training.see(&record(count));
                count += 1;
            }
            counts.push(count);
            training.see(&record(0));
            assert_eq!((training.seen, training.samples.len()), (0, 0), "one is being made");
            assert_eq!(made(&mut training).id, DictionaryId(DictionaryId::FIRST.0 + id));
            assert!(training.made().is_none());
        }
        assert!(counts[1] > 15 * counts[0], "{counts:?}");
        assert_eq!(Training::new(Some(DictionaryId(40_000))).next, DictionaryId(40_001));
    }

    #[test]
    fn a_block_of_one_record_is_smaller_with_a_dictionary_and_can_only_be_read_with_it() {
        let samples: Vec<Bytes> = (0..5000).filter_map(|number| record(number).value).collect();
        let dictionary = Dictionary::of(&samples, DictionaryId(40_000)).expect("they have much in common");
        let block = |dictionary| {
            let encoded = BlockEncoder::new(dictionary).and_then(|mut encoder| encoder.encode(5, &[&record(5_001)]));
            encoded.expect("compressed")
        };
        let (plain, small) = (block(None), block(Some(&dictionary)));
        assert!(small.len() * 2 < plain.len(), "{} bytes instead of {}", small.len(), plain.len());

        let mut decoder = BlockDecoder::new().expect("memory");
        assert_eq!(decoder.lacks(&plain), None);
        assert_eq!(decoder.lacks(&small), Some(dictionary.id));
        assert!(matches!(decoder.decode(&small), Err(DamagedBlock::Dictionary(DictionaryId(40_000)))));
        decoder.learn(dictionary.id, &dictionary.bytes).expect("memory");
        for block in [&small, &plain] {
            assert_eq!(decoder.lacks(block), None);
            assert_eq!(decoder.decode(block).expect("readable").block().expect("decoded").len(), 1);
        }
    }
}
