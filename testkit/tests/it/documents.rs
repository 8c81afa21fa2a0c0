//! What the documents name exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are not sources.
const NOT_SOURCES: [&str; 3] = [".git", "target", "node_modules"];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            if !NOT_SOURCES.iter().any(|name| path.ends_with(name)) {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|known| known == extension) {
            found.push(path);
        }
    }
    found
}

/// A document with the texts between its backquotes and the targets of its links; code blocks are left out.
struct Document {
    path: PathBuf,
    lines: Vec<String>,
}

impl Document {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).expect("the document can be read");
        let mut inside = false;
        let outside = |line: &&str| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !inside && !fence
        };
        Self { path, lines: text.lines().filter(outside).map(str::to_owned).collect() }
    }

    fn quoted(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    fn links(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split([')', '#']).next())
    }
}

fn documents() -> Vec<Document> {
    let named = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    named.into_iter().chain(files(&root().join("docs"), "md")).map(Document::read).collect()
}

/// Whether the text looks like a path in the repository: it starts with a name that stands at the top, or has a slash
/// and ends as files of ours do.
fn is_path(text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let first = text.split('/').next().unwrap_or_default();
    let extension = Path::new(text).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let of_ours = ["rs", "md", "toml", "json", "yml", "sh", "snap", "xml"].contains(&extension);
    plain && text.contains('/') && !first.is_empty() && (of_ours || root().join(first).is_dir())
}

/// Whether the text looks like the name of a test: a sentence of four words or more.
fn is_test_name(text: &str) -> bool {
    let words: Vec<&str> = text.split('_').collect();
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    // Metrics look the same but for how they start.
    words.len() >= 4 && !text.starts_with("llm_log_") && words.iter().all(is_word)
}

pub(crate) fn function_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files(root(), "rs") {
        let text = fs::read_to_string(file).expect("the source can be read");
        for line in text.lines() {
            let line = line.trim_start();
            let line = ["pub(crate) ", "pub(super) ", "pub ", "async "]
                .iter()
                .fold(line, |line, prefix| line.strip_prefix(prefix).unwrap_or(line));
            if let Some(rest) = line.strip_prefix("fn ") {
                names.extend(rest.split(['(', '<']).next().map(str::to_owned));
            }
        }
    }
    names
}

#[test]
fn every_path_and_test_that_a_document_names_exists() {
    let functions = function_names();
    let mut missing = Vec::new();
    for document in documents() {
        let folder = document.path.parent().expect("a file is in a folder");
        let path = document.path.strip_prefix(root()).expect("documents are in the repository").display();
        for text in document.quoted() {
            if is_path(text) && !root().join(text).exists() {
                missing.push(format!("{path}: the path {text}"));
            }
            if is_test_name(text) && !functions.contains(text) {
                missing.push(format!("{path}: the test {text}"));
            }
        }
        for link in document.links() {
            if !link.is_empty() && !link.contains("://") && !folder.join(link).exists() {
                missing.push(format!("{path}: the link to {link}"));
            }
        }
    }
    assert!(missing.is_empty(), "documents name what does not exist:\n{}", missing.join("\n"));
}

#[test]
fn every_invariant_names_a_test_that_holds_it() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the document can be read");
    let invariants: Vec<&str> =
        architecture.split("\n\n").filter(|paragraph| paragraph.starts_with("Invariant: ")).collect();
    assert_eq!(invariants.len(), 9, "the invariants are nine");
    for invariant in invariants {
        let quoted = invariant.split('`').skip(1).step_by(2);
        assert!(quoted.into_iter().any(is_test_name), "no test holds this: {invariant}");
    }
}

#[test]
fn what_is_looked_for_in_documents_is_recognized() {
    for path in ["schemas/src/fold.rs", "docs/adr", "no/such/file.rs", "testkit/"] {
        assert!(is_path(path), "{path}");
    }
    for text in ["application/json", "/v1/events", "kind/id", "ADDR:PORT", "cargo test -p schemas/src"] {
        assert!(!is_path(text), "{text}");
    }
    assert!(is_test_name("a_key_has_a_name_2"));
    assert!(!is_test_name("wait_until") && !is_test_name("LLM_LOG_TEST_KAFKA") && !is_test_name("a b_c_d_e"));
}
