//! How much ingest takes at once.

use std::num::NonZeroU32;

use clap::Args;
use ingest::IngestLimits;

#[derive(Debug, Args)]
#[command(next_help_heading = "Ingest")]
pub(crate) struct IngestLimitArgs {
    /// Bytes of events between receipt and acknowledgement, of all requests together; more is answered with 429
    #[arg(long, value_name = "BYTES", env = "LLM_LOG_IN_FLIGHT_BYTES",
        default_value_t = IngestLimits::default().in_flight_bytes)]
    in_flight_bytes: usize,
    /// The same for the requests of one project
    #[arg(long, value_name = "BYTES", env = "LLM_LOG_PROJECT_IN_FLIGHT_BYTES",
        default_value_t = IngestLimits::default().project_in_flight_bytes)]
    project_in_flight_bytes: usize,
    /// Events that a project may send per second over time
    #[arg(long, value_name = "N", env = "LLM_LOG_PROJECT_EVENTS_PER_SECOND",
        default_value_t = IngestLimits::default().project_events_per_second)]
    project_events_per_second: NonZeroU32,
    /// Events that a project may send at once after a pause
    #[arg(long, value_name = "N", env = "LLM_LOG_PROJECT_BURST_EVENTS",
        default_value_t = IngestLimits::default().project_burst_events)]
    project_burst_events: NonZeroU32,
}

impl IngestLimitArgs {
    pub(crate) fn limits(&self) -> IngestLimits {
        IngestLimits {
            in_flight_bytes: self.in_flight_bytes,
            project_in_flight_bytes: self.project_in_flight_bytes,
            project_events_per_second: self.project_events_per_second,
            project_burst_events: self.project_burst_events,
            ..IngestLimits::default()
        }
    }
}
