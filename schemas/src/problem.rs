//! What is wrong with an input: where, and what was expected there.

use serde::{Deserialize, Serialize};

/// One thing wrong with a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: expected {expected}", if pointer.is_empty() { "/" } else { pointer.as_str() })]
pub struct Problem {
    /// JSON pointer (RFC 6901) to the place; empty for the whole document.
    pub pointer: String,
    /// What was expected there.
    pub expected: String,
}

impl Problem {
    pub fn new(pointer: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), expected: expected.into() }
    }

    /// A problem of the member `name` of the object at `parent`.
    pub fn of_member(parent: &str, name: &str, expected: impl Into<String>) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        Self::new(format!("{parent}/{name}"), expected)
    }
}

/// Everything wrong with one document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Problems(pub Vec<Problem>);

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
