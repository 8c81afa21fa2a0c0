//! What moved since the committed figures.

use super::Report;
use super::row::figure;

/// The share of a figure that it has to move by to be told.
const MOVED: f64 = 0.15;

/// A sentence for everything that moved; one that says why when the two can't be compared.
pub(crate) fn moved(before: Option<&Report>, now: &Report) -> Vec<String> {
    let Some(before) = before else { return vec!["There are no committed figures to compare with.".to_owned()] };
    let (one, other) = (&before.about, &now.about);
    for (what, one, other) in [
        ("profile", one.profile.clone(), other.profile.clone()),
        ("number of calls", one.calls.to_string(), other.calls.to_string()),
        ("corpus", one.corpus.clone(), other.corpus.clone()),
        ("length of phases", one.seconds.to_string(), other.seconds.to_string()),
    ] {
        if one != other {
            return vec![format!("The committed figures are of another {what} ({one}, here {other}): not compared.")];
        }
    }
    let mut told = Vec::new();
    if one.machine != other.machine {
        told.push("The committed figures are of another machine: ratios can be compared, other figures can't.".into());
    }
    for row in &now.rows {
        let name = format!("{}: {}", row.section, row.name);
        let known = before.rows.iter().find(|known| known.section == row.section && known.name == row.name);
        let Some(known) = known else {
            told.push(format!("{name}: new"));
            continue;
        };
        match (known.compared(), row.compared()) {
            (Some((_, one)), Some((_, other))) if one != other => {
                told.push(format!("{name}: held against something else"));
            }
            (Some((one, is_ratio)), Some((other, _))) if (other - one).abs() > MOVED * one.abs() => {
                let sign = if is_ratio { " ×" } else { "" };
                let change = 100.0 * (other / one - 1.0);
                told.push(format!("{name}: {}{sign} → {}{sign} ({change:+.0} %)", figure(one), figure(other)));
            }
            (Some(_), None) => told.push(format!("{name}: has no figure any more")),
            (None, Some(_)) => told.push(format!("{name}: has a figure now")),
            _ => {}
        }
    }
    if told.is_empty() {
        told.push(format!("Nothing moved by more than {:.0} % since the committed figures.", MOVED * 100.0));
    } else {
        told.insert(0, format!("Since the committed figures, by more than {:.0} %:", MOVED * 100.0));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::{About, Machine, Row, Unit};
    use super::*;
    use crate::args::Section;

    fn report(rows: Vec<Row>) -> Report {
        let about = About {
            machine: Machine::of_this(),
            profile: "release".into(),
            calls: 1000,
            corpus: "generated".into(),
            seconds: 1,
        };
        Report { about, rows }
    }

    fn row(name: &str, value: f64, limit: f64) -> Row {
        Row::new(Section::Ingest, name, value, Unit::MegabytesPerSecond).against("raw", limit)
    }

    #[test]
    fn what_moved_by_its_ratio_and_what_came_and_went_is_told() {
        let skipped = |name| Row::skipped(Section::Ingest, name, "no Java");
        let before = report(vec![row("same", 8.0, 10.0), row("slower", 8.0, 10.0), row("gone", 1.0, 1.0)]);
        let now = report(vec![row("same", 4.0, 5.0), row("slower", 6.0, 10.0), skipped("gone"), row("new", 1.0, 1.0)]);
        assert_eq!(
            moved(Some(&before), &now),
            [
                "Since the committed figures, by more than 15 %:",
                "ingest: slower: 0.8 × → 0.6 × (-25 %)",
                "ingest: gone: has no figure any more",
                "ingest: new: new",
            ]
        );
        assert_eq!(moved(Some(&before), &before), ["Nothing moved by more than 15 % since the committed figures."]);
    }

    #[test]
    fn figures_of_other_runs_are_not_compared() {
        let now = report(Vec::new());
        assert_eq!(moved(None, &now), ["There are no committed figures to compare with."]);
        let mut other = now.clone();
        other.about.calls = 5;
        assert_eq!(
            moved(Some(&other), &now),
            ["The committed figures are of another number of calls (5, here 1000): not compared."]
        );
    }
}
