//! Figures: each with what it is held against, as a table and as JSON.

mod compare;
mod machine;
mod row;
mod table;

pub(crate) use compare::moved;
pub(crate) use machine::Machine;
pub(crate) use row::{Row, Unit};
pub(crate) use table::table;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What was measured, where, and of how many calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) about: About,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) machine: Machine,
    pub(crate) profile: String,
    pub(crate) calls: u64,
    pub(crate) corpus: String,
    /// Length of each phase with a set rate.
    pub(crate) seconds: u64,
}

impl Report {
    /// The report in a file; none when there is no such file.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path)?;
        let report = serde_json::from_str(&text);
        report.map(Some).with_context(|| format!("{} has no figures that this build knows", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self)?;
        std::fs::write(path, json + "\n").with_context(|| format!("{} can't be written", path.display()))
    }
}
