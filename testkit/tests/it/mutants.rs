//! The mutants of testkit/mutants can be made, and the tests that are to catch them exist. `scripts/test-mutants` makes
//! them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::documents::{files, function_names, root};

const CAUGHT_BY: &str = "Caught by: ";
/// Fewer would say little.
const MUTANTS_MIN: usize = 12;

fn patches() -> Vec<PathBuf> {
    files(&root().join("testkit/mutants"), "patch")
}

/// What a patch says before what it changes.
fn head(patch: &str) -> impl Iterator<Item = &str> {
    patch.lines().take_while(|line| !line.starts_with("diff "))
}

#[test]
fn every_mutant_applies_to_the_sources_as_they_are() {
    let patches = patches();
    assert!(patches.len() >= MUTANTS_MIN, "there are {} mutants", patches.len());
    for patch in patches {
        let checked = Command::new("git").args(["apply", "--check"]).arg(&patch).current_dir(root()).output();
        let checked = checked.expect("there is git");
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success(), "{} is rotten: {said}", patch.display());
        let text = fs::read_to_string(&patch).expect("a text");
        let changes = text.lines().filter_map(|line| line.strip_prefix("+++ b/"));
        for path in changes {
            assert!(path.contains("/src/"), "{} changes {path}, which is no source of the product", patch.display());
        }
    }
}

#[test]
fn every_mutant_says_what_it_breaks_and_names_tests_that_exist() {
    let functions = function_names();
    for patch in patches() {
        let text = fs::read_to_string(&patch).expect("a text");
        let (tests, told): (Vec<&str>, Vec<&str>) = head(&text).partition(|line| line.starts_with(CAUGHT_BY));
        assert!(told.iter().any(|line| !line.is_empty()), "{} does not say what it breaks", patch.display());
        assert!(!tests.is_empty(), "{} names no test", patch.display());
        for test in tests.iter().filter_map(|line| line.strip_prefix(CAUGHT_BY)) {
            assert!(functions.contains(test), "{} names {test}, which does not exist", patch.display());
        }
    }
}

#[test]
fn the_report_has_every_mutant() {
    let report = fs::read_to_string(root().join("docs/reliability.md")).expect("the document can be read");
    for patch in patches() {
        let name = patch.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(report.contains(&format!("| {name} |")), "docs/reliability.md says nothing of the mutant {name}");
    }
}
