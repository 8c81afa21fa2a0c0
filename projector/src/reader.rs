//! Reads of this process's index.

mod slots;

use std::sync::Arc;

use async_trait::async_trait;
use schemas::reader::{
    Answer, CallReader, CountRequest, GetRequest, ListPage, ListRequest, ReadError, ReaderStatus, StatsRequest,
};
use schemas::row::Row;
use schemas::stats::Groups;

use self::slots::Slots;
use crate::snapshot::{Served, SharedStatus, SnapshotCell};

/// Answers reads from the published snapshot, on threads that may block, as many at once as there are cores.
#[derive(Debug)]
pub struct IndexReader {
    cell: Arc<SnapshotCell>,
    status: Arc<SharedStatus>,
    slots: Arc<Slots>,
}

impl IndexReader {
    pub fn new(cell: Arc<SnapshotCell>, status: Arc<SharedStatus>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { cell, status, slots: Slots::new(cores.max(2)) }
    }
}

fn later<T>() -> Result<T, ReadError> {
    Err(ReadError::Refused { reason: "comes with the next commit".to_owned() })
}

#[async_trait]
impl CallReader for IndexReader {
    async fn list(&self, _: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        later()
    }

    async fn get(&self, _: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        later()
    }

    async fn count(&self, _: CountRequest) -> Result<Answer<u64>, ReadError> {
        later()
    }

    async fn stats(&self, _: StatsRequest) -> Result<Answer<Groups>, ReadError> {
        later()
    }

    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        let (serving, unavailable) = match &*self.cell.served() {
            Served::Snapshot(snapshot) => (snapshot.checkpoint().next(), Default::default()),
            Served::Nothing(partitions) => (Default::default(), partitions.clone()),
        };
        Ok(ReaderStatus {
            log: Some(self.status.log()),
            partitions_total: self.status.partitions_total(),
            caught_up: unavailable.is_empty() && self.status.caught_up(),
            lag_ms: self.status.lag_ms(),
            serving,
            unavailable,
        })
    }
}
