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

/// How long the records that a log is known by may take to be read.
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
    recognise(log, known, stop)?;
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
fn recognise(log: &dyn EventLog, mut known: BTreeMap<Partition, LastRecord>, stop: &Stop) -> Result<(), LogCheckError> {
    if known.is_empty() {
        return Ok(());
    }
    let deadline = Instant::now() + PATIENCE;
    // Each partition by itself, so that a long tail of one does not have to be read to reach another.
    while let Some((partition, last)) = known.pop_first() {
        let mut reader = log.reader(Topic::Calls, &BTreeMap::from([(partition, last.offset)]))?;
        let mut reached = last.offset;
        let mut found = None;
        while reached <= last.offset {
            if Instant::now() > deadline || stop.is_set() {
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
