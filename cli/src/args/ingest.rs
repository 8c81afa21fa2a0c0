//! How much ingest takes at once.

use std::num::NonZeroU32;

use clap::Args;
use ingest::IngestLimits;
use schemas::limits::{BODY_BYTES, REQUEST_EVENTS};

#[derive(Debug, Args)]
#[command(next_help_heading = "Ingest")]
pub(crate) struct IngestLimitArgs {
    /// Bytes of events between receipt and acknowledgement, of all requests together; more is answered with 429. At
    /// least those of one request, 52428800
    #[arg(long, value_name = "BYTES", env = "LLM_LOG_IN_FLIGHT_BYTES", value_parser = parse_bytes,
        default_value_t = IngestLimits::default().in_flight_bytes)]
    in_flight_bytes: usize,
    /// The same for the requests of one project
    #[arg(long, value_name = "BYTES", env = "LLM_LOG_PROJECT_IN_FLIGHT_BYTES", value_parser = parse_bytes,
        default_value_t = IngestLimits::default().project_in_flight_bytes)]
    project_in_flight_bytes: usize,
    /// Events that a project may send per second over time
    #[arg(long, value_name = "N", env = "LLM_LOG_PROJECT_EVENTS_PER_SECOND",
        default_value_t = IngestLimits::default().project_events_per_second)]
    project_events_per_second: NonZeroU32,
    /// Events that a project may send at once after a pause. At least those of one request, 10000
    #[arg(long, value_name = "N", env = "LLM_LOG_PROJECT_BURST_EVENTS", value_parser = parse_burst,
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

/// The number is none, or less than what one request may bring.
#[derive(Debug, thiserror::Error)]
enum NotEnough {
    #[error("expected {BODY_BYTES} bytes or more: with less, a request that is valid would never be taken")]
    Bytes,
    #[error(
        "expected {REQUEST_EVENTS} events or more: one request may have as many, and the rate would not hold for it"
    )]
    Events,
}

fn parse_bytes(text: &str) -> Result<usize, NotEnough> {
    text.trim().parse().ok().filter(|bytes| *bytes >= BODY_BYTES).ok_or(NotEnough::Bytes)
}

fn parse_burst(text: &str) -> Result<NonZeroU32, NotEnough> {
    let burst: Option<NonZeroU32> = text.trim().parse().ok();
    burst
        .filter(|burst| usize::try_from(burst.get()).is_ok_and(|burst| burst >= REQUEST_EVENTS))
        .ok_or(NotEnough::Events)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        limits: IngestLimitArgs,
    }

    #[test]
    fn a_bound_below_what_one_request_may_bring_is_refused_with_the_least() {
        let least = BODY_BYTES.to_string();
        for (flag, least) in [
            ("--in-flight-bytes", least.as_str()),
            ("--project-in-flight-bytes", &least),
            ("--project-burst-events", &REQUEST_EVENTS.to_string()),
        ] {
            let parse = |value: &str| Only::try_parse_from(["test", flag, value]);
            parse(least).expect("the least is enough");
            let less = (least.parse::<u64>().expect("a number") - 1).to_string();
            for value in [less.as_str(), "0", "many"] {
                let refused = parse(value).expect_err("too little").to_string();
                assert!(refused.contains(&format!("expected {least} ")) && refused.contains(flag), "{refused}");
            }
        }
    }

    #[test]
    fn what_is_unsaid_is_the_default_and_the_help_names_the_least() {
        let parsed = Only::try_parse_from(["test"]).expect("nothing is needed");
        assert_eq!(parsed.limits.limits(), IngestLimits::default());
        let help = Only::command().render_long_help().to_string();
        for least in [BODY_BYTES, REQUEST_EVENTS] {
            assert!(help.contains(&format!("those of one request, {least}")), "{help}");
        }
    }
}
