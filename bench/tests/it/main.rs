//! The program, run on a few calls. What it measures here means nothing; that it measures, and what it writes, does.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs the program to its end and gives what it printed.
fn bench(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bench")).args(args).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn figures(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("figures were written")).expect("figures are JSON")
}

#[test]
fn a_run_prints_a_table_writes_its_figures_and_keeps_its_base_for_the_next_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (json, data) = (path("figures.json"), path("data"));
    let args = ["memory", "--calls", "300", "--seconds", "1", "--data", &data, "--json", &json];
    let printed = bench(&[&args[..], &["queries"]].concat());
    let figures = figures(Path::new(&json));
    let rows = figures["rows"].as_array().expect("rows");
    let sections: BTreeSet<&str> = rows.iter().filter_map(|row| row["section"].as_str()).collect();
    assert_eq!(sections, BTreeSet::from(["memory", "queries"]));
    for row in rows {
        let name = row["name"].as_str().expect("a row has a name");
        assert!(printed.contains(name), "{name} is not printed:\n{printed}");
        let value = row["value"].as_f64();
        assert!(value.is_some_and(f64::is_finite) || row["note"].is_string(), "{row}: neither a figure nor a reason");
    }
    let list = rows.iter().find(|row| row["name"] == "newest list, idle p99").expect("lists are measured");
    assert_eq!(list["limits"][0]["name"], "bare axum's median", "{list}");
    assert!(list["met"].is_boolean() && list["target"]["at_most"].is_number(), "{list}");
    assert_eq!(figures["about"]["calls"], 300);
    assert!(printed.contains("committed figures"), "it says what moved:\n{printed}");

    let base = Path::new(&data).join("base-300/about.json");
    let built = std::fs::metadata(&base).and_then(|file| file.modified()).expect("the base is kept");
    bench(&args);
    let reused = std::fs::metadata(&base).and_then(|file| file.modified()).expect("the base is kept");
    assert_eq!(built, reused, "the second run uses the base of the first");
}

#[test]
fn a_file_that_is_none_of_calls_ends_the_run_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("calls.jsonl");
    std::fs::write(&file, "no call\n").expect("writable");
    let file = file.display().to_string();
    let export = folder.path().join("export").display().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--file", &file, "--export", &export])
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("calls.jsonl, line 1"), "{told}");
}
