//! One letter.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use ingest::DeadLetter;
use schemas::time::Timestamp;

use super::catalog::{Catalog, read_letters};
use super::printable;
use crate::args::ShowLetterArgs;
use crate::log_access::connect_kafka_now;
use crate::{Outcome, output};

pub(crate) async fn show(args: ShowLetterArgs) -> anyhow::Result<Outcome> {
    let log = connect_kafka_now(&args.kafka.kafka, &args.kafka.settings).await?;
    let offset = Catalog::read(&log).await?.find(&args.letter)?.offset;
    let read = tokio::task::spawn_blocking(move || {
        let mut found = None;
        read_letters(&log, &BTreeSet::from([offset]), |letter| {
            found = Some(letter);
            Ok(())
        })?;
        anyhow::Ok(found)
    });
    let letter = read.await??.context("the letter was deleted a moment ago")?;
    match args.output.as_deref() {
        Some(path) if path == Path::new("-") => output::bytes(&letter.value),
        Some(path) => {
            std::fs::write(path, &letter.value).with_context(|| format!("{} can't be written", path.display()))?;
            output::line(&describe(&letter));
        }
        None => {
            output::line(&describe(&letter));
            output::line(&format!("\n{}", printable(&String::from_utf8_lossy(&letter.value))));
        }
    }
    Ok(Outcome::Done)
}

fn describe(letter: &DeadLetter) -> String {
    let origin = &letter.origin;
    let instant = |ms| Timestamp::from_millis(ms).to_string();
    let here = letter.value.len();
    let bytes = letter.source_bytes.map_or_else(|| "unknown".to_owned(), |bytes| bytes.to_string());
    let bytes = match &letter.cut {
        None => bytes,
        Some(missing) => format!("{bytes}, of which {here} are here (missing: {missing})"),
    };
    let mut text = format!("id        {}", origin.id());
    let mut add = |name: &str, value: &str| {
        write!(text, "\n{name:8}  {}", printable(value)).expect("a String takes every write");
    };
    add("letter", &origin.to_string());
    add("written", &instant(letter.written_ms));
    add("from", &format!("{}, partition {}, offset {}", origin.topic, origin.partition, origin.offset));
    // What could not be read has no time.
    if letter.source_bytes.is_some() {
        add("received", &instant(origin.timestamp_ms));
    }
    add("reason", &letter.reason);
    add("bytes", &bytes);
    if let Some(digest) = &letter.source_sha256 {
        add("sha256", digest);
    }
    if let Some(key) = &letter.key {
        add("key", &String::from_utf8_lossy(key));
    }
    for (name, value) in &letter.headers {
        add("header", &format!("{name}: {}", String::from_utf8_lossy(value)));
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_letter_says_where_it_is_from_why_it_was_refused_and_what_is_missing() {
        let mut letter = DeadLetter {
            origin: "llm-log.inbox/3/17/1772344800000/000102030405060708090a0b0c0d0e0f".parse().expect("a key"),
            written_ms: 1_772_344_801_500,
            reason: "/status: expected a string".into(),
            cut: None,
            source_bytes: Some(12),
            source_sha256: None,
            key: Some(Bytes::from_static(b"\xffkey")),
            headers: vec![("trace".into(), Bytes::from_static(b"one\x1b[2J"))],
            value: Bytes::from_static(b"{\"status\":1}"),
        };
        insta::assert_snapshot!(describe(&letter), @r"
        id        622874043ab1
        letter    llm-log.inbox/3/17/1772344800000/000102030405060708090a0b0c0d0e0f
        written   2026-03-01T06:00:01.500Z
        from      llm-log.inbox, partition 3, offset 17
        received  2026-03-01T06:00:00Z
        reason    /status: expected a string
        bytes     12
        key       �key
        header    trace: one\u{1b}[2J
        ");
        letter.source_bytes = Some(60_000_000);
        letter.cut = Some("end of the value".into());
        letter.source_sha256 = Some("00ff".into());
        let text = describe(&letter);
        assert!(
            text.contains("bytes     60000000, of which 12 are here (missing: end of the value)\nsha256    00ff"),
            "{text}"
        );
    }
}
