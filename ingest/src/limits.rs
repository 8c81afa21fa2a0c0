//! What ingest takes at once.

use std::num::NonZeroU32;
use std::time::Duration;

use schemas::limits::{
    APPEND_TIMEOUT, BODY_TIMEOUT, IN_FLIGHT_BYTES, PROJECT_BURST_EVENTS, PROJECT_EVENTS_PER_SECOND, UNREAD_BYTES,
};

/// Bounds on what ingest holds and on what one project may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestLimits {
    /// Greatest number of bytes between receipt and acknowledgement, of all requests together.
    pub in_flight_bytes: usize,
    /// The same for the requests of one project.
    pub project_in_flight_bytes: usize,
    /// Greatest number of bytes of large bodies that wait to be read, unless it is one alone.
    pub unread_bytes: usize,
    /// Events that a project may send per second over time.
    pub project_events_per_second: NonZeroU32,
    /// Events that a project may send at once after a pause.
    pub project_burst_events: NonZeroU32,
    /// How long a request may take to arrive.
    pub body_timeout: Duration,
    /// How long a request waits for the log before it is told that the outcome is unknown.
    pub append_timeout: Duration,
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            in_flight_bytes: IN_FLIGHT_BYTES,
            project_in_flight_bytes: IN_FLIGHT_BYTES / 2,
            unread_bytes: UNREAD_BYTES,
            project_events_per_second: PROJECT_EVENTS_PER_SECOND,
            project_burst_events: PROJECT_BURST_EVENTS,
            body_timeout: BODY_TIMEOUT,
            append_timeout: APPEND_TIMEOUT,
        }
    }
}
