//! What a run found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::schedule::Fault;
use crate::oracle::{Difference, DifferenceKind, LedgerCounts};

/// What came of one kind of fault.
#[derive(Debug)]
pub struct FaultReport {
    pub fault: Fault,
    /// How many times it came.
    pub times: usize,
    /// Events that were acknowledged, and those whose outcome nobody knows.
    pub events: LedgerCounts,
    /// How often all answers were compared.
    pub comparisons: usize,
    pub differences: Vec<Difference>,
    /// From the end of the fault until everything worked and all that was acknowledged before was visible.
    pub recoveries: Vec<Duration>,
    /// The same for what comes in by the inbox.
    pub inbox_recoveries: Vec<Duration>,
    /// Kills by the step that they fell into.
    pub kills: BTreeMap<String, usize>,
    /// What was done, one after the other.
    pub done: Vec<String>,
    /// What came of a fault that may end in one way or another.
    pub outcomes: BTreeMap<&'static str, usize>,
}

/// What came of all of them.
#[derive(Debug)]
pub struct ChaosReport {
    pub seed: u64,
    pub faults: Vec<FaultReport>,
    /// Faults that can't be brought about here, with the reason.
    pub skipped: Vec<(Fault, String)>,
}

impl FaultReport {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            fault,
            times: 0,
            events: LedgerCounts::default(),
            comparisons: 0,
            differences: Vec::new(),
            recoveries: Vec::new(),
            inbox_recoveries: Vec::new(),
            kills: BTreeMap::new(),
            done: Vec::new(),
            outcomes: BTreeMap::new(),
        }
    }

    pub(super) fn killed(&mut self, role: &str, step: Option<String>) {
        let step = step.unwrap_or_else(|| "no step".to_owned());
        self.done.push(format!("{role} killed at {step}"));
        *self.kills.entry(step).or_default() += 1;
    }

    pub(super) fn came(&mut self, outcome: &'static str) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    fn count(&self, kind: DifferenceKind) -> usize {
        self.differences.iter().filter(|difference| difference.kind == kind).count()
    }
}

impl ChaosReport {
    /// Whether every answer was right.
    pub fn is_clean(&self) -> bool {
        self.faults.iter().all(|fault| fault.differences.is_empty())
    }

    pub fn kills(&self) -> usize {
        self.faults.iter().flat_map(|fault| fault.kills.values()).sum()
    }
}

impl fmt::Display for ChaosReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        let head = "| fault | times | events acknowledged | outcome unknown | compared | lost | doubled | wrong | recovery p50 / max | by the inbox |";
        writeln!(f, "{head}\n|---|---|---|---|---|---|---|---|---|---|")?;
        for report in &self.faults {
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                report.fault,
                report.times,
                report.events.acknowledged,
                report.events.unknown,
                report.comparisons,
                report.count(DifferenceKind::Lost),
                report.count(DifferenceKind::Doubled),
                report.count(DifferenceKind::Wrong),
                median_and_greatest(&report.recoveries),
                median_and_greatest(&report.inbox_recoveries),
            )?;
        }
        let mut kills: BTreeMap<&str, usize> = BTreeMap::new();
        for (step, count) in self.faults.iter().flat_map(|fault| &fault.kills) {
            *kills.entry(step).or_default() += count;
        }
        if !kills.is_empty() {
            let by_step: Vec<String> = kills.iter().map(|(step, count)| format!("{step} {count}")).collect();
            writeln!(f, "kills {}: {}", self.kills(), by_step.join(", "))?;
        }
        for report in &self.faults {
            for (outcome, count) in &report.outcomes {
                writeln!(f, "{}: {outcome}: {count}", report.fault)?;
            }
            for difference in &report.differences {
                writeln!(f, "{}: {difference}", report.fault)?;
            }
        }
        for (fault, reason) in &self.skipped {
            writeln!(f, "SKIPPED {fault}: {reason}")?;
        }
        Ok(())
    }
}

fn median_and_greatest(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    match (sorted.get(sorted.len() / 2), sorted.last()) {
        (Some(median), Some(greatest)) => {
            format!("{:.2} / {:.2} s", median.as_secs_f64(), greatest.as_secs_f64())
        }
        _ => "–".to_owned(),
    }
}
