//! What an import has to tell at its end.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use uuid::Uuid;

/// Refused lines that are told one by one.
const TOLD: usize = 1000;

/// A line that is not published.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RefusedLine {
    pub(super) line: u64,
    pub(super) reason: String,
}

/// What became of the lines of one batch.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) acknowledged: u64,
    pub(super) cut_texts: usize,
    /// The project of every acknowledged line that named one.
    pub(super) projects: Vec<Uuid>,
    pub(super) refused: Vec<RefusedLine>,
}

#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) acknowledged: u64,
    pub(super) refused: Vec<RefusedLine>,
    cut_texts: usize,
    lines_with_project: usize,
    projects: BTreeSet<Uuid>,
}

impl Summary {
    pub(super) fn add(&mut self, part: Part) {
        self.acknowledged += part.acknowledged;
        self.cut_texts += part.cut_texts;
        self.lines_with_project += part.projects.len();
        self.projects.extend(part.projects);
        self.refused.extend(part.refused);
    }

    /// The text for the end of the import.
    pub(super) fn tell(&mut self, took: Duration) -> String {
        let seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.acknowledged as f64 / seconds.max(0.001);
        let mut text = format!("imported {} calls in {seconds:.1} s ({rate:.0} a second)", self.acknowledged);
        if self.lines_with_project > 0 {
            let (lines, projects) = (self.lines_with_project, self.projects.len());
            add(
                &mut text,
                &format!("lines whose projectId was replaced by the key's: {lines} (of {projects} projects)"),
            );
        }
        if self.cut_texts > 0 {
            add(&mut text, &format!("over-long texts that were cut: {}", self.cut_texts));
        }
        if !self.refused.is_empty() {
            self.refused.sort_unstable_by_key(|refused| refused.line);
            add(&mut text, &format!("lines that were refused: {}", self.refused.len()));
            for RefusedLine { line, reason } in self.refused.iter().take(TOLD) {
                add(&mut text, &format!("  line {line}: {reason}"));
            }
            if self.refused.len() > TOLD {
                add(&mut text, &format!("  and {} more", self.refused.len() - TOLD));
            }
        }
        text
    }
}

fn add(text: &mut String, line: &str) {
    write!(text, "\n  {line}").expect("a String takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_what_was_replaced_cut_and_refused() {
        let mut summary = Summary::default();
        let refused = |line, reason: &str| RefusedLine { line, reason: reason.into() };
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        summary.add(Part {
            acknowledged: 7,
            cut_texts: 1,
            projects: vec![one, two, one],
            refused: vec![refused(9, "/status: expected a string")],
        });
        summary.add(Part { acknowledged: 3, refused: vec![refused(2, "not JSON")], ..Part::default() });
        insta::assert_snapshot!(summary.tell(Duration::from_secs(2)), @r"
        imported 10 calls in 2.0 s (5 a second)
          lines whose projectId was replaced by the key's: 3 (of 2 projects)
          over-long texts that were cut: 1
          lines that were refused: 2
            line 2: not JSON
            line 9: /status: expected a string
        ");
    }
}
