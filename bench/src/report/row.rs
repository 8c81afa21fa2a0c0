//! One figure.

use std::fmt;

use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};

use crate::args::Section;

/// A figure, or why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) section: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<Unit>,
    /// What the same run reached without llm-log, or before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits: Vec<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) met: Option<bool>,
    /// How it came about, or why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "MB/s")]
    MegabytesPerSecond,
    #[serde(rename = "MB per CPU-s")]
    MegabytesPerCpuSecond,
    #[serde(rename = "per s")]
    PerSecond,
    #[serde(rename = "MB")]
    Megabytes,
    #[serde(rename = "of 1")]
    Share,
    #[serde(rename = "")]
    Number,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// The figure divided by the limit.
    pub(crate) ratio: f64,
}

/// What a figure, or its ratio to the first limit, has to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtMost(f64),
    RatioAtLeast(f64),
    RatioAtMost(f64),
}

impl Row {
    pub(crate) fn new(section: Section, name: impl Into<String>, value: f64, unit: Unit) -> Self {
        let skipped = Self::skipped(section, name, "");
        Self { value: Some(value), unit: Some(unit), note: None, ..skipped }
    }

    /// A row without a figure.
    pub(crate) fn skipped(section: Section, name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            section: section.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned()),
            name: name.into(),
            value: None,
            unit: None,
            limits: Vec::new(),
            target: None,
            met: None,
            note: Some(why.into()),
        }
    }

    /// Holds the figure against one of the same run.
    pub(crate) fn against(mut self, name: impl Into<String>, value: f64) -> Self {
        let ratio = self.value.unwrap_or_default() / value;
        self.limits.push(Limit { name: name.into(), value, ratio });
        self
    }

    pub(crate) fn at_most(self, most: f64) -> Self {
        self.target(Target::AtMost(most))
    }

    /// Of the first limit.
    pub(crate) fn ratio_at_least(self, least: f64) -> Self {
        self.target(Target::RatioAtLeast(least))
    }

    /// Of the first limit.
    pub(crate) fn ratio_at_most(self, most: f64) -> Self {
        self.target(Target::RatioAtMost(most))
    }

    fn target(mut self, target: Target) -> Self {
        let ratio = self.limits.first().map(|limit| limit.ratio);
        self.target = Some(target);
        self.met = match target {
            Target::AtMost(most) => self.value.map(|value| value <= most),
            Target::RatioAtLeast(least) => ratio.map(|ratio| ratio >= least),
            Target::RatioAtMost(most) => ratio.map(|ratio| ratio <= most),
        };
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// What is compared from run to run, and whether it is the ratio to the first limit: a machine may be slow one day,
    /// so it is, where there is one, unless the target is of the figure itself.
    pub(crate) fn compared(&self) -> Option<(f64, bool)> {
        match (self.target, self.limits.first()) {
            (Some(Target::AtMost(_)), _) | (_, None) => self.value.map(|value| (value, false)),
            (_, Some(limit)) => Some((limit.ratio, true)),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::MegabytesPerSecond => "MB/s",
            Self::MegabytesPerCpuSecond => "MB/CPU-s",
            Self::PerSecond => "/s",
            Self::Megabytes => "MB",
            Self::Share | Self::Number => "",
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {}", figure(*most)),
            Self::RatioAtLeast(least) => write!(f, "≥ {} ×", figure(*least)),
            Self::RatioAtMost(most) => write!(f, "≤ {} ×", figure(*most)),
        }
    }
}

/// A number with about three digits that mean something.
pub(super) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if digits == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_of_the_figure_or_of_its_ratio_to_the_first_limit() {
        let row = |value| Row::new(Section::Ingest, "r", value, Unit::MegabytesPerSecond).against("raw", 10.0);
        assert_eq!(row(8.0).ratio_at_least(0.8).met, Some(true));
        assert_eq!(row(7.9).against("other", 1.0).ratio_at_least(0.8).met, Some(false));
        assert_eq!(row(20.0).ratio_at_most(2.0).met, Some(true));
        assert_eq!(row(20.0).at_most(19.0).met, Some(false));
        assert_eq!(Row::new(Section::Ingest, "r", 1.0, Unit::Number).ratio_at_least(1.0).met, None);
        assert_eq!(row(8.0).compared(), Some((0.8, true)));
        assert_eq!(row(8.0).at_most(9.0).compared(), Some((8.0, false)));
    }

    #[test]
    fn figures_have_three_digits_that_mean_something() {
        let figures = [12345.6, 123.4, 12.34, 12.0, 1.234, 0.1234, 0.0, 0.8].map(figure);
        assert_eq!(figures, ["12346", "123", "12.3", "12", "1.23", "0.123", "0", "0.8"]);
    }
}
