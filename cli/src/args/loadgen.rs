//! The load generator's command.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::client::ServerArgs;
use super::span::parse_span;

/// Publish made-up calls at a set rate, and say how long acknowledgements took.
///
/// The rate is kept whatever the server does; a call that waits for its turn counts its waiting. Exit status 1 when
/// a call was not acknowledged.
#[derive(Debug, Args)]
pub(crate) struct LoadgenArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Calls a second
    #[arg(long, value_name = "N", env = "LLM_LOG_RATE", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// How long to publish
    #[arg(long, value_name = "TIME", env = "LLM_LOG_DURATION", default_value = "10s", value_parser = parse_span)]
    pub(crate) duration: Duration,
    /// How many calls to publish, instead of a duration
    #[arg(long, value_name = "N", env = "LLM_LOG_COUNT", conflicts_with = "duration")]
    pub(crate) count: Option<u64>,
    /// Calls in one request; their acknowledgements come together
    #[arg(long, value_name = "N", env = "LLM_LOG_BATCH", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) batch: u32,
    /// Publish each call twice: started, and completed or failed when its duration has passed
    #[arg(long, env = "LLM_LOG_STARTED_COMPLETED")]
    pub(crate) started_completed: bool,
    /// Annotate calls of this run later, whatever their age by then: this many for each call that is published, from 0
    /// to 1
    #[arg(long, value_name = "SHARE", env = "LLM_LOG_ANNOTATE", default_value_t = 0.0, value_parser = parse_share)]
    pub(crate) annotate: f64,
    /// Take prompts and answers from this file of LLM Log objects, plain or gzip, instead of the built-in samples
    #[arg(long, value_name = "FILE", env = "LLM_LOG_FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Number that the made-up ids and figures follow from; the same gives the same
    #[arg(long, value_name = "N", env = "LLM_LOG_SEED")]
    pub(crate) seed: Option<u64>,
}

/// The text is no share.
#[derive(Debug, thiserror::Error)]
#[error("expected a number from 0 to 1, such as 0.25")]
struct NotAShare;

fn parse_share(text: &str) -> Result<f64, NotAShare> {
    let share = text.trim().parse::<f64>().ok();
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or(NotAShare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_from_0_to_1() {
        let shares = ["0", "0.25", " 1 ", "1e-3"].map(|text| parse_share(text).ok());
        assert_eq!(shares, [Some(0.0), Some(0.25), Some(1.0), Some(0.001)]);
        for text in ["", "-0.1", "1.01", "NaN", "inf", "25%", "a"] {
            assert!(parse_share(text).is_err(), "{text}");
        }
    }
}
