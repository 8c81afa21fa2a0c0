//! The parts of the measurements, a file each.

mod freshness;
mod gateway;
mod ingest;
mod memory;
mod overload;
mod queries;
mod restart;

use anyhow::{Context as _, Result};

use crate::args::Section;
use crate::lab::Lab;

/// Measures a section; its rows are then in the lab.
pub(crate) async fn measure(section: Section, lab: &mut Lab) -> Result<()> {
    let measured = match section {
        Section::Ingest => ingest::measure(lab).await,
        Section::Queries => queries::measure(lab).await,
        Section::Freshness => freshness::measure(lab).await,
        Section::Memory => memory::measure(lab).await,
        Section::Gateway => gateway::measure(lab).await,
        Section::Overload => overload::measure(lab).await,
        Section::Restart => restart::measure(lab).await,
    };
    measured.with_context(|| format!("{section:?} could not be measured"))
}
