//! The log's side: its calls folded one event at a time, and the sums over them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use event_log::{EventLog, ReadLogError, Topic};
use schemas::event::CallEvent;
use schemas::fold::CallState;
use schemas::id::{CallKey, Partition};
use schemas::model::Column;
use schemas::positions::Offset;
use schemas::row;
use schemas::stats::{Totals, is_error};
use schemas::value::Value;

use super::bucket::Bucket;
use super::{NAMED, PassedOverRecord, VerifyError, VerifyReport};
use crate::snapshot::{CounterKey, Counters};
use crate::writer::batch::decode;

const READ_BYTES: usize = 8 * 1024 * 1024;
const READ_WAIT: Duration = Duration::from_secs(1);
/// How long the log may give nothing although it should have more.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a call costs beside its state.
const ENTRY_BYTES: usize = 160;

/// A call as the log has it.
#[derive(Debug)]
pub(super) struct LoggedCall {
    /// The encoded state: smaller than the state itself, and what the index is compared with.
    pub(super) state: Box<[u8]>,
    /// Whether the index has it.
    pub(super) found: bool,
}

/// One reading of a partition.
pub(super) struct LogPass<'a> {
    pub(super) log: &'a dyn EventLog,
    pub(super) partition: Partition,
    /// The first offset that is not compared.
    pub(super) to: Offset,
    pub(super) pass_bytes: usize,
    pub(super) is_stopped: &'a dyn Fn() -> bool,
}

impl LogPass<'_> {
    /// The states of the bucket's calls. When they are too many the bucket shrinks and the rest is left waiting.
    /// Records are counted into the report, if there is one.
    pub(super) fn fold(
        &self,
        mut bucket: Bucket,
        waiting: &mut Vec<Bucket>,
        mut report: Option<&mut VerifyReport>,
    ) -> Result<(Bucket, HashMap<CallKey, LoggedCall>), VerifyError> {
        let total = NonZeroU32::new(self.log.partitions(Topic::Calls)).unwrap_or(NonZeroU32::MIN);
        let mut calls: HashMap<CallKey, LoggedCall> = HashMap::new();
        let mut bytes = 0;
        if self.to == 0 {
            return Ok((bucket, calls));
        }
        let mut reader = self.log.reader(Topic::Calls, &BTreeMap::from([(self.partition, 0)]))?;
        let mut next = 0;
        let mut moved = Instant::now();
        while next < self.to {
            if (self.is_stopped)() {
                return Err(VerifyError::Stopped);
            }
            let batch = match reader.read(READ_BYTES, READ_WAIT) {
                Ok(batch) => batch,
                Err(ReadLogError::Unavailable { .. }) if moved.elapsed() < PATIENCE => continue,
                Err(error) => return Err(error.into()),
            };
            let before = next;
            for record in batch.records {
                next = next.max(record.position.offset + 1);
                if record.position.offset >= self.to {
                    break;
                }
                if let Some(report) = &mut report {
                    report.records += 1;
                }
                match decode(&record, total) {
                    Ok((event, hash)) if bucket.contains(event.key) => {
                        bytes += fold(&mut calls, event, hash)?;
                    }
                    Ok(_) => {}
                    Err(reason) => {
                        if let Some(report) = &mut report {
                            report.passed_over += 1;
                            if report.passed_over_records.len() < NAMED {
                                report.passed_over_records.push(PassedOverRecord {
                                    partition: self.partition,
                                    offset: record.position.offset,
                                    reason: reason.to_string(),
                                });
                            }
                        }
                    }
                }
                while bytes > self.pass_bytes && calls.len() > 1 && bucket.is_divisible() {
                    let (kept, left) = bucket.halves();
                    bucket = kept;
                    waiting.push(left);
                    calls.retain(|key, _| kept.contains(*key));
                    calls.shrink_to_fit();
                    bytes = calls.values().map(|call| call.state.len() + ENTRY_BYTES).sum();
                }
            }
            next = batch.next.get(&self.partition).copied().unwrap_or(next).max(next);
            if next > before {
                moved = Instant::now();
            } else if moved.elapsed() >= PATIENCE {
                return Err(VerifyError::Stuck { partition: self.partition, offset: next });
            }
        }
        Ok((bucket, calls))
    }
}

/// Joins an event into its call. Says how many bytes that took.
fn fold(calls: &mut HashMap<CallKey, LoggedCall>, event: CallEvent, hash: u128) -> Result<usize, VerifyError> {
    let entry = calls.entry(event.key);
    let state = CallState::of(event, hash);
    match entry {
        Entry::Vacant(entry) => {
            let call = entry.insert(LoggedCall { state: state.encode().into(), found: false });
            Ok(call.state.len() + ENTRY_BYTES)
        }
        Entry::Occupied(mut entry) => {
            let call = entry.get_mut();
            let before = call.state.len();
            let mut joined = CallState::decode(&call.state).map_err(|_| VerifyError::State)?;
            joined.merge(state);
            call.state = joined.encode().into();
            Ok(call.state.len().saturating_sub(before))
        }
    }
}

/// Sums over the rows of all visible calls, by the grain of the counters.
#[derive(Debug, Default)]
pub(super) struct CounterSums(Counters);

impl CounterSums {
    pub(super) fn add(&mut self, calls: &HashMap<CallKey, LoggedCall>) -> Result<(), VerifyError> {
        for (key, call) in calls {
            let CallState::Live(live) = CallState::decode(&call.state).map_err(|_| VerifyError::State)? else {
                continue;
            };
            let Some(created_at) = live.created_at().filter(|_| live.is_visible()) else { continue };
            let text = |column| row::value(*key, &live, column).as_text().map(Into::into);
            let number = |column| match row::value(*key, &live, column) {
                Value::Number(number) => i128::from(number),
                Value::Cents(amount) => i128::from(amount.0),
                _ => 0,
            };
            let status: Option<Box<str>> = text(Column::Status);
            let counter = CounterKey {
                project: key.project,
                day: created_at.day(),
                model: text(Column::ModelName),
                status: status.clone(),
            };
            self.0.entry(counter).or_default().add(&Totals {
                calls: 1,
                errors: i128::from(status.as_deref().is_some_and(is_error)),
                total_tokens: number(Column::TotalTokens),
                completion_tokens: number(Column::CompletionTokens),
                cached_input_tokens: number(Column::CachedInputTokens),
                cache_creation_tokens: number(Column::CacheCreationTokens),
                cost_nano_usd: number(Column::CostInUsdCents),
            });
        }
        Ok(())
    }

    /// The counters that differ from these sums.
    pub(super) fn differing(self, counters: Counters) -> BTreeSet<CounterKey> {
        let Self(sums) = self;
        let missing = sums.iter().filter(|(key, sum)| counters.get(key) != Some(*sum)).map(|(key, _)| key.clone());
        let mut differing: BTreeSet<CounterKey> = missing.collect();
        differing.extend(counters.into_keys().filter(|key| !sums.contains_key(key)));
        differing
    }
}
