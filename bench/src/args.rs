//! What the program can be told.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures llm-log against named limits of the same run: tantivy alone, a bare consumer of Kafka, bare axum.
///
/// Prints a table and, with --json, writes the figures. The machine should have nothing else to do.
#[derive(Debug, Parser)]
#[command(name = "bench", max_term_width = 100)]
pub(crate) struct Args {
    /// What to measure; everything when absent
    #[arg(value_name = "SECTION")]
    pub(crate) sections: Vec<Section>,
    /// Calls of the corpus
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(100..))]
    pub(crate) calls: u64,
    /// File of LLM Log objects to take prompts and answers from, one JSON object a line, plain or gzip; they are made
    /// up when absent
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Kafka brokers to measure with; when absent, one is started if there are Java and Maven
    #[arg(long, value_name = "BOOTSTRAP")]
    pub(crate) kafka: Option<String>,
    /// File to write the figures to
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Folder that keeps the base of calls for the next run
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Length of each phase with a set rate, in seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: u64,
    /// Write the calls to this file as LLM Log objects, one a line, and measure nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sections", "kafka", "json", "data", "postgres"])]
    pub(crate) export: Option<PathBuf>,
    /// Figures of scripts/bench-postgres to hold queries against
    #[arg(long, value_name = "FILE")]
    pub(crate) postgres: Option<PathBuf>,
}

/// A part of the measurements. They run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Section {
    /// From the log to searchable, when behind
    Ingest,
    /// Reads over HTTP, idle and while calls arrive
    Queries,
    /// From acknowledged to visible
    Freshness,
    /// Memory under load, and what is on disk
    Memory,
    /// Requests a second over HTTP
    Gateway,
    /// More than can be served, and one noisy project
    Overload,
    /// After a kill, after a backlog, after the loss of the index
    Restart,
}

impl Args {
    /// The sections to measure, in their order.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let all = Section::value_variants().iter().copied();
        all.filter(|section| self.sections.is_empty() || self.sections.contains(section)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_run_in_one_order_and_all_of_them_unless_named() {
        let sections = |args: &[&str]| {
            let args = Args::try_parse_from(["bench"].iter().chain(args)).expect("valid");
            args.sections()
        };
        assert_eq!(sections(&[]), Section::value_variants());
        assert_eq!(sections(&["restart", "ingest", "restart"]), [Section::Ingest, Section::Restart]);
        assert!(Args::try_parse_from(["bench", "everything"]).is_err());
    }
}
