//! Ending calls that have run for too long without an outcome.
//!
//! A sweep asks the index for them and appends an `abandoned` event for each. The event follows from the call alone,
//! so that two sweepers, or a sweep that is repeated, make the same event; an outcome that comes later outranks it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemas::access::ReadScope;
use schemas::id::{CallId, CallKey, LogId, ProjectId, derived_uuid};
use schemas::limits::QUERY_TIMEOUT;
use schemas::model::{Column, ColumnSet};
use schemas::problem::Problems;
use schemas::query::{Bound, Bounds, Filter, SortKey, SortPosition};
use schemas::reader::{CallReader, ListPage, ListRequest, ReadContext, ReadError};
use schemas::row::Row;
use schemas::time::{Clock, Timestamp};
use schemas::value::Value;

use crate::pipeline::Ingest;
use crate::producer::{CallAbandoned, CallEventDraft, ProduceError, Producer};

/// The source of the events.
const SOURCE: &str = "llm-log-sweep";
/// Calls of one page, and events of one append.
const PAGE: u32 = 1000;
/// How far behind the log the index may be. What it has not read may be the outcomes of the calls that it shows.
const LAG_MS_MAX: u64 = 60_000;

/// Ends calls that have run for longer than an age.
#[derive(Debug)]
pub struct Sweeper {
    reader: Arc<dyn CallReader>,
    producer: Producer,
    log: LogId,
    clock: Clock,
    age: Duration,
}

/// Why a sweep did not come to its end. The next one does what is left.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("the index is not ready to be swept: {0}")]
    NotReady(NotReady),
    #[error("the calls that run can't be read")]
    Read(#[from] ReadError),
    #[error("the calls can't be abandoned")]
    Append(#[from] ProduceError),
    #[error("the index shows a call without {}", .0.name())]
    Incomplete(Column),
    #[error("a call can't be abandoned")]
    Event(#[from] Problems),
}

/// What an index lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    Behind { lag_ms: u64 },
    Starting,
    Unserved { partitions: usize },
    OtherLog,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind { lag_ms } => write!(f, "it is {lag_ms} ms behind the log"),
            Self::Starting => f.write_str("it has not read the log to the end seen at its start"),
            Self::Unserved { partitions } => write!(f, "nobody serves {partitions} of the log's partitions"),
            Self::OtherLog => f.write_str("it is made from another log"),
        }
    }
}

impl Sweeper {
    /// A sweeper of all projects, which reads an index and appends through this ingest.
    pub fn new(reader: Arc<dyn CallReader>, ingest: Arc<Ingest>, clock: Clock, age: Duration) -> Self {
        let log = ingest.log_id();
        Self { reader, producer: Producer::new(ingest, SOURCE), log, clock, age }
    }

    /// Ends every call that has run for longer than the age; how many there were.
    pub async fn sweep(&self) -> Result<u64, SweepError> {
        self.check_index().await?;
        let latest = Timestamp(self.clock.now().0.saturating_sub(self.age_us()));
        let (mut after, mut abandoned) = (None, 0);
        loop {
            let page = self.page(latest, after).await?;
            let Some(last) = page.rows.last() else { return Ok(abandoned) };
            after = Some(last.position.clone());
            let drafts = page.rows.iter().map(|row| self.abandoned(&row.row)).collect::<Result<Vec<_>, _>>()?;
            let events = u64::try_from(self.producer.append(drafts).await?.len()).unwrap_or(u64::MAX);
            abandoned += events;
            metrics::counter!("llm_log_abandoned_calls_total").increment(events);
        }
    }

    fn age_us(&self) -> i64 {
        i64::try_from(self.age.as_micros()).unwrap_or(i64::MAX)
    }

    async fn check_index(&self) -> Result<(), SweepError> {
        let status = self.reader.status().await?;
        let total = usize::try_from(status.partitions_total).unwrap_or(usize::MAX);
        let unserved = total.saturating_sub(status.serving.len()).max(status.unavailable.len());
        let lacks = if status.log.is_some_and(|log| log != self.log) {
            NotReady::OtherLog
        } else if total == 0 || unserved > 0 {
            NotReady::Unserved { partitions: unserved }
        } else {
            match status.lag_ms {
                Some(lag_ms) if status.caught_up && lag_ms > LAG_MS_MAX => NotReady::Behind { lag_ms },
                Some(_) if status.caught_up => return Ok(()),
                _ => NotReady::Starting,
            }
        };
        Err(SweepError::NotReady(lacks))
    }

    /// Calls that run since this instant or longer, from the oldest on.
    async fn page(&self, latest: Timestamp, after: Option<SortPosition>) -> Result<ListPage, ReadError> {
        let upper = Bound { value: Value::Date(latest.date()), inclusive: true };
        let since = Bounds { lower: None, upper: Some(upper) };
        let filter = Filter::All(vec![
            Filter::Equal(Column::Status, Value::text("Running")),
            Filter::Range(Column::CreatedAt, since.clone()),
            Filter::Any(vec![Filter::Null(Column::RequestStartedAt), Filter::Range(Column::RequestStartedAt, since)]),
        ]);
        let columns = [Column::Id, Column::ProjectId, Column::CreatedAt, Column::RequestStartedAt];
        let request = ListRequest {
            context: ReadContext {
                scope: ReadScope::EveryProject,
                partitions: None,
                wait_for: None,
                timeout: QUERY_TIMEOUT,
            },
            filter,
            sort: vec![SortKey::of_column(Column::CreatedAt, false)],
            skip: 0,
            limit: PAGE,
            after,
            columns: ColumnSet::from_iter(columns),
            count: false,
            frequencies: None,
        };
        Ok(self.reader.list(request).await?.content)
    }

    /// The event that ends a call. It happened when the call had run for the age, whenever that was found out.
    fn abandoned(&self, row: &Row) -> Result<CallEventDraft, SweepError> {
        let id = |column| match row.get(column) {
            Value::Id(id) => Ok(*id),
            _ => Err(SweepError::Incomplete(column)),
        };
        let date = |column| match row.get(column) {
            Value::Date(date) => Some(*date),
            _ => None,
        };
        let key = CallKey { project: ProjectId(id(Column::ProjectId)?), call: CallId(id(Column::Id)?) };
        let created = date(Column::CreatedAt).ok_or(SweepError::Incomplete(Column::CreatedAt))?;
        let since = date(Column::RequestStartedAt).map_or(created, |started| started.max(created));
        let time = Timestamp(Timestamp::from_millis(since.0).0.saturating_add(self.age_us()));
        let id = derived_uuid("abandoned", &[&key.project.to_string(), &key.call.to_string()]);
        Ok(CallAbandoned::new(key.project, key.call).id(id.to_string()).time(time).build()?)
    }
}

#[cfg(test)]
mod tests;
