//! Ending calls that have run for too long.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::auth::InternalSecretArgs;
use super::kafka::BrokerArgs;
use super::query::ProjectorUrlsArgs;
use super::span::{NotASpan, parse_span};

/// How long a call may run; for ever when it is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbandonAfter(pub(crate) Option<Duration>);

impl FromStr for AbandonAfter {
    type Err = NotAnAge;

    fn from_str(text: &str) -> Result<Self, NotAnAge> {
        match text.trim() {
            "off" | "0" => Ok(Self(None)),
            text => Ok(Self(Some(parse_span(text)?))),
        }
    }
}

/// The text is no age of calls.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAnAge {
    #[error("{0}, or off")]
    Neither(#[from] NotASpan),
    #[error("{NotASpan}: off is for serve, and with it there is nothing to sweep")]
    Off,
    #[error(transparent)]
    NotASpan(NotASpan),
}

fn parse_age(text: &str) -> Result<Duration, NotAnAge> {
    match text.parse() {
        Ok(AbandonAfter(Some(age))) => Ok(age),
        Ok(AbandonAfter(None)) => Err(NotAnAge::Off),
        Err(_) => Err(NotAnAge::NotASpan(NotASpan)),
    }
}

/// End calls that have run for too long without an outcome: they are shown as Abandoned from then on.
///
/// For the roles on Kafka; serve does it by itself. It asks the projectors for calls that are Running and whose
/// creation and start are both longer ago than the age, and appends an event of the type llm-log.call.abandoned for
/// each. An outcome that comes later takes the place of Abandoned. Sweeping twice, or in two places, does no harm.
/// Nobody can publish such events through the HTTP API or the inbox: this command writes to the log on Kafka itself,
/// as ingest does, and reads with the internal secret, as query-api does.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// How long a call may run
    #[arg(long, value_name = "TIME", env = "LLM_LOG_ABANDON_AFTER", default_value = "1h", value_parser = parse_age)]
    pub(crate) abandon_after: Duration,
    /// Go on, and sweep again each time this has passed; one sweep when absent
    #[arg(long, value_name = "TIME", env = "LLM_LOG_SWEEP_EVERY", value_parser = parse_span)]
    pub(crate) every: Option<Duration>,
    #[command(flatten)]
    pub(crate) projectors: ProjectorUrlsArgs,
    #[command(flatten)]
    pub(crate) kafka: BrokerArgs,
    #[command(flatten)]
    pub(crate) secret: InternalSecretArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_span_or_off() {
        let parse = |text: &str| text.parse::<AbandonAfter>().map(|after| after.0);
        assert_eq!(parse("90m").expect("valid"), Some(Duration::from_mins(90)));
        assert_eq!(parse("off").expect("valid"), None);
        assert_eq!(parse(" 0 ").expect("valid"), None);
        assert!(parse("never").expect_err("no age").to_string().ends_with("such as 10s, or off"));
    }

    #[test]
    fn a_sweep_needs_an_age_and_says_so() {
        assert_eq!(parse_age("90m").expect("valid"), Duration::from_mins(90));
        for off in ["off", "0"] {
            let error = parse_age(off).expect_err("nothing to sweep").to_string();
            assert!(
                error.starts_with("expected a whole number above 0") && error.contains("off is for serve"),
                "{error}"
            );
        }
        assert!(!parse_age("never").expect_err("no age").to_string().contains("off"));
    }
}
