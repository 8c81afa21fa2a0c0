//! The table that people read; it is Markdown, so that it can be put into a document.

use super::Row;
use super::row::figure;

/// Rows by section, each with what it is held against.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = ["what", "figure", "target", "", "against"].map(str::to_owned);
    let mut lines: Vec<[String; 5]> = vec![head];
    lines.extend(rows.iter().map(cells));
    let mut widths = [0; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        push(&mut text, "| ", &cells.join(" | "), " |\n");
        if at == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            push(&mut text, "|-", &rules.join("-|-"), "-|\n");
        }
    }
    text
}

fn push(text: &mut String, start: &str, line: &str, end: &str) {
    text.push_str(start);
    text.push_str(line);
    text.push_str(end);
}

fn cells(row: &Row) -> [String; 5] {
    let value = match (row.value, row.unit) {
        (Some(value), Some(unit)) => format!("{} {unit}", figure(value)).trim_end().to_owned(),
        _ => "–".to_owned(),
    };
    let target = row.target.map_or_else(String::new, |target| target.to_string());
    let met = match row.met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "",
    };
    let unit = row.unit.map_or_else(String::new, |unit| unit.to_string());
    let limits = row.limits.iter().map(|limit| {
        let value = format!("{} {unit}", figure(limit.value));
        format!("{} × {} ({})", figure(limit.ratio), limit.name, value.trim_end())
    });
    let against: Vec<String> = limits.chain(row.note.clone()).collect();
    [format!("{}: {}", row.section, row.name), value, target, met.to_owned(), against.join("; ")]
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;
    use crate::args::Section;

    #[test]
    fn a_table_tells_figures_targets_limits_and_why_there_is_none() {
        let rows = [
            Row::new(Section::Ingest, "log to index", 8.25, Unit::MegabytesPerSecond)
                .against("raw", 10.0)
                .ratio_at_least(0.8)
                .note("2 threads"),
            Row::new(Section::Queries, "list", 3.0, Unit::Milliseconds).at_most(2.0),
            Row::skipped(Section::Ingest, "Kafka", "no Java"),
        ];
        let expected = "\
| what                 | figure    | target  |        | against                           |
|----------------------|-----------|---------|--------|-----------------------------------|
| ingest: log to index | 8.25 MB/s | ≥ 0.8 × | met    | 0.825 × raw (10 MB/s); 2 threads  |
| queries: list        | 3 ms      | ≤ 2     | missed |                                   |
| ingest: Kafka        | –         |         |        | no Java                           |
";
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&table(&rows).replace('-', "")), squeezed(&expected.replace('-', "")));
    }
}
