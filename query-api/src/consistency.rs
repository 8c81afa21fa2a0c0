//! Reads that see what was written before: `Llm-Log-Consistent-With` names positions of the log, as the answer to an
//! append or to another read has them, and the read waits until it can show what is before them.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use schemas::limits::WAITING_READS;
use schemas::positions::{NotAToken, Offset, Positions};
use schemas::reader::WaitFor;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use crate::api::QueryApi;

/// The header of a request with the tokens to wait for: several headers, or several tokens between commas, or both.
const CONSISTENT_WITH: HeaderName = HeaderName::from_static("llm-log-consistent-with");

/// Why positions can't be waited for, or were not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConsistencyError {
    #[error(transparent)]
    NotAToken(#[from] NotAToken),
    #[error("the token is of another log")]
    OtherLog,
    #[error("the reference data are not read that far yet; ask again")]
    ReferenceBehind,
    #[error("too many reads wait for the log to be read")]
    TooManyWaiting,
}

impl ConsistencyError {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::NotAToken(_) => StatusCode::BAD_REQUEST,
            Self::OtherLog => StatusCode::PRECONDITION_FAILED,
            Self::ReferenceBehind | Self::TooManyWaiting => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// How long a client should wait before it asks again, in whole seconds.
    pub(crate) fn retry_after_seconds(self) -> Option<u64> {
        matches!(self, Self::ReferenceBehind | Self::TooManyWaiting).then_some(1)
    }
}

/// How far the reference data are read, for reads that wait for it.
#[derive(Debug, Clone)]
pub struct ReferencePosition {
    next: watch::Receiver<Offset>,
    places: Arc<Semaphore>,
}

impl ReferencePosition {
    /// `next` is the position of the next record; the data must not be behind it.
    pub fn new(next: watch::Receiver<Offset>) -> Self {
        Self { next, places: Arc::new(Semaphore::new(WAITING_READS)) }
    }

    /// Waits until the reference data are read to just before this position.
    async fn reach(&self, wanted: Offset, deadline: Instant) -> Result<(), ConsistencyError> {
        if *self.next.borrow() >= wanted {
            return Ok(());
        }
        let _place = self.places.try_acquire().map_err(|_| ConsistencyError::TooManyWaiting)?;
        let mut next = self.next.clone();
        match timeout_at(deadline, next.wait_for(|next| *next >= wanted)).await {
            Ok(Ok(_)) => Ok(()),
            // Time is up, or nobody reads the reference data any more.
            Ok(Err(_)) | Err(_) => Err(ConsistencyError::ReferenceBehind),
        }
    }
}

/// Waits for the reference data that the request names, if it names any. What the reader has to wait for.
pub(crate) async fn wait(api: &QueryApi, headers: &HeaderMap) -> Result<Option<WaitFor>, ConsistencyError> {
    let Some(positions) = named(headers)? else { return Ok(None) };
    let deadline = Instant::now() + api.consistency_timeout;
    if let Some((log, _)) = api.reference.load().log()
        && log != positions.log
    {
        return Err(ConsistencyError::OtherLog);
    }
    if let Some(reference) = positions.reference {
        api.reference_position.reach(reference, deadline).await?;
    }
    let timeout = deadline.saturating_duration_since(Instant::now());
    Ok(Some(WaitFor { positions, timeout }))
}

/// The positions of all tokens together.
fn named(headers: &HeaderMap) -> Result<Option<Positions>, ConsistencyError> {
    let mut all: Option<Positions> = None;
    for value in headers.get_all(CONSISTENT_WITH) {
        for token in text(value)?.split(',') {
            let positions = Positions::parse(token)?;
            match &mut all {
                None => all = Some(positions),
                Some(all) => all.merge(&positions).map_err(|_| ConsistencyError::OtherLog)?,
            }
        }
    }
    Ok(all)
}

fn text(value: &HeaderValue) -> Result<&str, NotAToken> {
    value.to_str().map_err(|_| NotAToken)
}
