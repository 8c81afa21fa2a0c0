//! Is this log the one that the index was made from, and does it still have what the index needs?

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use event_log::{Bounds, EventLog, ReadLogError, Topic};
use schemas::id::Partition;
use schemas::positions::Offset;

use super::failure::{LogUnavailable, MissingRecords, ProjectorFailure, judge};
use super::stop::Stop;
use crate::checkpoint::{Checkpoint, LastRecord};
use crate::writer::batch::value_hash;

/// How long the record that a partition is known by may take to be read.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) enum LogCheckError {
    Unavailable(LogUnavailable),
    Failure(ProjectorFailure),
}

impl From<ReadLogError> for LogCheckError {
    fn from(error: ReadLogError) -> Self {
        match judge(error) {
            Ok(unavailable) => Self::Unavailable(unavailable),
            Err(failure) => Self::Failure(failure),
        }
    }
}

impl From<ProjectorFailure> for LogCheckError {
    fn from(failure: ProjectorFailure) -> Self {
        Self::Failure(failure)
    }
}

/// Checks the log against the checkpoint. The end of each partition, where reading may go on.
pub(crate) fn check_log(
    log: &dyn EventLog,
    checkpoint: &Checkpoint,
    stop: &Stop,
) -> Result<BTreeMap<Partition, Offset>, LogCheckError> {
    let bounds = bounds_of(log, checkpoint)?;
    let next = |partition: &Partition| checkpoint.partitions.get(partition).map_or(0, |at| at.next);
    let missing: Vec<MissingRecords> = bounds
        .iter()
        .filter(|(partition, bounds)| bounds.start > next(partition))
        .map(|(partition, bounds)| MissingRecords { partition: *partition, from: next(partition), to: bounds.start })
        .collect();
    if !missing.is_empty() {
        return Err(ProjectorFailure::Gap { missing }.into());
    }
    if let Some((partition, bounds)) = bounds.iter().find(|(partition, bounds)| bounds.end < next(partition)) {
        let next = next(partition);
        return Err(ProjectorFailure::Ahead { partition: *partition, next, end: bounds.end }.into());
    }
    let known: BTreeMap<Partition, LastRecord> = checkpoint
        .partitions
        .iter()
        .filter_map(|(partition, at)| Some((*partition, at.last?)))
        // A record that the log has dropped after the index read it proves nothing and is not needed.
        .filter(|(partition, last)| bounds.get(partition).is_some_and(|bounds| bounds.start <= last.offset))
        .collect();
    recognise(log, known, Instant::now, stop)?;
    Ok(bounds.into_iter().map(|(partition, bounds)| (partition, bounds.end)).collect())
}

fn bounds_of(log: &dyn EventLog, checkpoint: &Checkpoint) -> Result<BTreeMap<Partition, Bounds>, LogCheckError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| LogCheckError::Unavailable(LogUnavailable(error.to_string())))?;
    runtime.block_on(async {
        let mut bounds = BTreeMap::new();
        for partition in checkpoint.partitions.keys() {
            bounds.insert(*partition, log.bounds(Topic::Calls, *partition).await?);
        }
        Ok(bounds)
    })
}

/// Reads the last record of each partition again: it has to be the same.
fn recognise(
    log: &dyn EventLog,
    known: BTreeMap<Partition, LastRecord>,
    now: impl Fn() -> Instant,
    stop: &Stop,
) -> Result<(), LogCheckError> {
    // Each partition by itself, so that a long tail of one does not have to be read to reach another.
    for (partition, last) in known {
        let deadline = now() + PATIENCE;
        let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(partition, last.offset)]))?;
        let mut reached = last.offset;
        let mut found = None;
        while reached <= last.offset {
            if now() > deadline || stop.is_set() {
                let reason = format!("the record {} of partition {partition} can't be read again", last.offset);
                return Err(LogCheckError::Unavailable(LogUnavailable(reason)));
            }
            let batch = reader.read(1, Duration::from_secs(1))?;
            found = found.or(batch.records.into_iter().find(|record| record.position.offset == last.offset));
            reached = batch.next.get(&partition).copied().unwrap_or(reached).max(reached);
            if found.is_some() {
                break;
            }
        }
        let same = found.is_some_and(|record| {
            record.timestamp_ms == last.timestamp_ms
                && value_hash(record.value.as_deref().unwrap_or_default()) == last.hash
        });
        if !same {
            return Err(ProjectorFailure::OtherRecord { partition, offset: last.offset }.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use event_log::{AppendError, LogReader, LogRecord, NewRecord, Position, ReadBatch};

    use super::*;

    /// A log of one record a partition, which counts its reads.
    #[derive(Debug, Default)]
    struct CountedLog(Arc<AtomicU32>);

    #[derive(Debug)]
    struct CountedReader {
        partition: Partition,
        reads: Arc<AtomicU32>,
    }

    #[async_trait]
    impl EventLog for CountedLog {
        fn partitions(&self, _: Topic) -> u32 {
            8
        }

        async fn append(&self, _: Topic, _: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
            Err(AppendError::Refused { reason: "it is only read".to_owned() })
        }

        async fn bounds(&self, _: Topic, _: Partition) -> Result<Bounds, ReadLogError> {
            Ok(Bounds { start: 0, end: 1 })
        }

        fn reader(&self, _: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
            let (partition, _) = from.first_key_value().expect("one partition is asked for");
            Ok(Box::new(CountedReader { partition: *partition, reads: Arc::clone(&self.0) }))
        }
    }

    impl LogReader for CountedReader {
        fn read(&mut self, _: usize, _: Duration) -> Result<ReadBatch, ReadLogError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            let record = LogRecord {
                position: Position { partition: self.partition, offset: 0 },
                timestamp_ms: 0,
                key: bytes::Bytes::new(),
                value: None,
                headers: Vec::new(),
            };
            Ok(ReadBatch { records: vec![record], next: BTreeMap::from([(self.partition, 1)]) })
        }

        fn ends(&mut self) -> Result<BTreeMap<Partition, Offset>, ReadLogError> {
            Ok(BTreeMap::from([(self.partition, 1)]))
        }
    }

    #[test]
    fn many_partitions_may_take_longer_than_one() {
        let last = LastRecord { offset: 0, timestamp_ms: 0, hash: value_hash(&[]) };
        let known = (0..8).map(|partition| (partition, last)).collect();
        let log = CountedLog::default();
        let begun = Instant::now();
        // Each read takes a quarter of the patience.
        let now = || begun + PATIENCE / 4 * log.0.load(Ordering::Relaxed);
        recognise(&log, known, now, &Stop::default()).expect("each is the same");
    }
}
