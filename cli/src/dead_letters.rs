//! `dead-letters`: what the inbox could not take, listed, shown and sent again.

mod catalog;
mod redrive;
mod show;

pub(crate) use redrive::redrive;
pub(crate) use show::show;

use schemas::time::Timestamp;

use crate::args::ListLettersArgs;
use crate::log_access::connect_kafka_now;
use crate::output::{self, table};
use crate::{Outcome, dead_letters::catalog::Catalog};
use catalog::Entry;

/// Characters of a reason that the list shows.
const REASON_CHARS: usize = 120;

pub(crate) async fn list(args: ListLettersArgs) -> anyhow::Result<Outcome> {
    let log = connect_kafka_now(&args.kafka.kafka, &args.kafka.settings).await?;
    let catalog = Catalog::read(&log).await?;
    let older = catalog.entries.len().saturating_sub(args.limit);
    let mut rows = vec![["ID", "WRITTEN", "FROM", "BYTES", "CUT", "REASON"].map(str::to_owned)];
    rows.extend(catalog.entries.iter().skip(older).map(row));
    output::line(&table(&rows));
    if older > 0 {
        output::remark(&format!("{older} older letters are not listed (--limit)"));
    }
    if let Some((offset, reason)) = &catalog.first_other {
        let others = catalog.others;
        output::remark(&format!(
            "records of the topic that are no letters: {others}, the first at offset {offset}: {reason}"
        ));
    }
    Ok(Outcome::Done)
}

fn row(entry: &Entry) -> [String; 6] {
    let origin = &entry.origin;
    [
        origin.id().to_string(),
        Timestamp::from_millis(entry.written_ms).to_string(),
        format!("{}/{}/{}", origin.topic, origin.partition, origin.offset),
        entry.source_bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
        if entry.is_cut { "cut" } else { "-" }.to_owned(),
        short(&entry.reason),
    ]
}

/// A reason in one line that fits beside the rest.
fn short(reason: &str) -> String {
    let line = printable(reason).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(REASON_CHARS) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}

/// Text without what would move a terminal's cursor; line breaks and tabs stay.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_no_terminal_obeys() {
        assert_eq!(short("/a: expected\n  a \u{1b}[31mdate"), "/a: expected a \\u{1b}[31mdate");
        let long = short(&"ä".repeat(500));
        assert_eq!((long.chars().count(), long.ends_with('…')), (REASON_CHARS + 1, true));
    }
}
