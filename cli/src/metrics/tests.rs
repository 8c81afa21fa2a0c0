use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ::metrics::Unit;

use super::*;

const CRATES: [&str; 5] = ["cli", "event-log", "ingest", "projector", "query-api"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The name and the kind of every metric that the source records.
fn recorded() -> BTreeMap<String, Kind> {
    let macros = [("counter!(", Kind::Counter), ("gauge!(", Kind::Gauge), ("histogram!(", Kind::Histogram)];
    let mut files = Vec::new();
    for name in CRATES {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"), &mut files);
    }
    let mut recorded = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        for (call, kind) in macros {
            for (at, _) in text.match_indices(&format!("metrics::{call}")) {
                let rest = text[at..].split_once('(').expect("the macro's").1.trim_start();
                let name = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
                let name = name.unwrap_or_else(|| panic!("{}: a metric's name is a literal", file.display()));
                let before = recorded.insert(name.to_owned(), kind);
                assert!(before.is_none_or(|before| before == kind), "{name} is of two kinds");
            }
        }
    }
    recorded
}

#[test]
fn every_metric_is_described_and_nothing_else() {
    let described: BTreeMap<_, _> = METRICS.iter().map(|metric| (metric.name.to_owned(), metric.kind)).collect();
    assert_eq!(described.len(), METRICS.len(), "a metric is described once");
    assert_eq!(described, recorded());
}

#[test]
fn names_end_in_their_unit_and_descriptions_are_sentences() {
    for Described { name, kind, unit, text } in METRICS {
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        assert_eq!(name.ends_with("_seconds"), *unit == Unit::Seconds, "{name}");
        assert_eq!(name.ends_with("_bytes"), *unit == Unit::Bytes, "{name}");
        assert!(text.starts_with(char::is_uppercase) && text.ends_with('.'), "{name}: {text}");
    }
}

#[test]
fn what_is_recorded_is_shown_with_its_description() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    ::metrics::with_local_recorder(&recorder, || {
        describe();
        ::metrics::gauge!("llm_log_projector_lag_seconds").set(0.25);
        ::metrics::counter!("llm_log_index_commits_total").increment(3);
    });
    let text = handle.render();
    for line in [
        "# HELP llm_log_projector_lag_seconds How far answers are behind the end of the log.",
        "# TYPE llm_log_projector_lag_seconds gauge",
        "llm_log_projector_lag_seconds 0.25",
        "# HELP llm_log_index_commits_total Commits of the index.",
        "llm_log_index_commits_total 3",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not among\n{text}");
    }
}
