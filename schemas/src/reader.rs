//! The one way to read calls, whoever holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::access::ReadScope;
use crate::id::{CallId, LogId, Partition};
use crate::model::ColumnSet;
use crate::positions::{Offset, Positions};
use crate::query::{Filter, Frequencies, SortBy, SortKey, SortPosition};
use crate::row::Row;
use crate::stats::{GroupBy, StatsPage};

/// What every read has in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadContext {
    pub scope: ReadScope,
    /// The partitions to answer for; all that the reader serves when absent.
    pub partitions: Option<BTreeSet<Partition>>,
    /// What the answer has to reflect.
    pub wait_for: Option<WaitFor>,
    /// Time limit of the read itself, from when it need not wait any more.
    pub timeout: Duration,
}

/// How far the log has to be read before a read is answered: to these positions in all partitions that the read is
/// of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitFor {
    pub positions: Positions,
    /// How long that may take.
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListRequest {
    pub context: ReadContext,
    pub filter: Filter,
    pub sort: Vec<SortKey>,
    pub skip: u64,
    pub limit: u32,
    /// Starts after this row of the same order.
    pub after: Option<SortPosition>,
    pub columns: ColumnSet,
    /// Whether to count all matching calls too.
    pub count: bool,
    /// What scores go by in an order by relevance. The reader finds it out for its part of the calls when absent.
    pub frequencies: Option<Frequencies>,
}

impl ListRequest {
    /// Whether the order depends on how rare words are and nobody said so yet. Of a single word the rarity makes no
    /// difference.
    pub fn needs_frequencies(&self) -> bool {
        self.frequencies.is_none()
            && self.sort.iter().any(|key| key.by == SortBy::Relevance)
            && self.filter.scoring_words().len() > 1
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GetRequest {
    pub context: ReadContext,
    pub call: CallId,
    pub columns: ColumnSet,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CountRequest {
    pub context: ReadContext,
    pub filter: Filter,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatsRequest {
    pub context: ReadContext,
    pub filter: Filter,
    pub group_by: Vec<GroupBy>,
    pub percentiles: bool,
    /// Greatest number of groups; none to have all, as who merges answers needs.
    pub limit: Option<u32>,
}

/// An answer and the positions of the one snapshot that it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer<T> {
    pub content: T,
    pub positions: Positions,
    /// How far the snapshot is behind the end of the log, in milliseconds: what the log took longer ago is in it.
    pub lag_ms: u64,
}

impl<T> Answer<T> {
    /// The same answer with another content.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { content: map(self.content), positions: self.positions, lag_ms: self.lag_ms }
    }
}

/// A row and its place in the order asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SortedRow {
    pub position: SortPosition,
    pub row: Row,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListPage {
    pub rows: Vec<SortedRow>,
    /// All matching calls, when asked for.
    pub count: Option<u64>,
}

/// How a reader is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReaderStatus {
    /// Absent until the reader knows its log.
    pub log: Option<LogId>,
    /// The log's number of partitions.
    pub partitions_total: u32,
    /// The next record of every partition that this reader serves.
    pub serving: BTreeMap<Partition, Offset>,
    /// Partitions that it has but can't serve now, such as while it rebuilds its index.
    pub unavailable: BTreeSet<Partition>,
    /// Whether it has read to the end that the log had when it started.
    pub caught_up: bool,
    /// How far answers are behind the end of the log, in milliseconds: what the log took longer ago is in them. Absent
    /// while nothing is served.
    pub lag_ms: Option<u64>,
}

/// Why a read has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReadError {
    #[error("the query took longer than its time limit, in {part}")]
    Timeout { part: String },
    #[error("too many queries are being answered")]
    Busy { retry_after: Duration },
    #[error("nobody serves the partitions {partitions:?}")]
    Unavailable { partitions: BTreeSet<Partition> },
    #[error("the positions to wait for are those of another log")]
    OtherLog,
    /// The log was not read to the positions to wait for in the time given.
    #[error("the log is not read that far yet in the partitions {partitions:?}")]
    Behind { partitions: BTreeSet<Partition> },
    #[error("too many reads wait for the log to be read")]
    TooManyWaiting { retry_after: Duration },
    /// The client asked for something that can't be answered.
    #[error("{reason}")]
    Refused { reason: String },
    #[error("the index can't be read")]
    Internal { reason: String },
    #[error("{reason}")]
    OtherVersion { reason: String },
}

/// Reads calls: from the index of this process, or from another process that has one.
#[async_trait]
pub trait CallReader: fmt::Debug + Send + Sync {
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError>;
    async fn get(&self, request: GetRequest) -> Result<Answer<Option<Row>>, ReadError>;
    async fn count(&self, request: CountRequest) -> Result<Answer<u64>, ReadError>;
    /// How rare the words that score in the filter are among all calls that the read may see.
    async fn frequencies(&self, request: CountRequest) -> Result<Answer<Frequencies>, ReadError>;
    async fn stats(&self, request: StatsRequest) -> Result<Answer<StatsPage>, ReadError>;
    async fn status(&self) -> Result<ReaderStatus, ReadError>;
}
