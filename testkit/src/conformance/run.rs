//! Runs cases and says what failed.

use std::fmt;

use anyhow::Result;
use serde_json::Value;

use super::case::{Case, Form};
use super::fixtures::Fixtures;
use super::matcher::differences;
use crate::client::{Answer, Client};

/// What came of the cases.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    /// The cases that failed, each with its differences.
    pub failed: Vec<(String, Vec<String>)>,
}

impl fmt::Display for Report {
    /// Each failure with its differences, then the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, differences) in &self.failed {
            writeln!(f, "FAILED {name}")?;
            for difference in differences {
                writeln!(f, "    {difference}")?;
            }
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed.len())
    }
}

/// Sends the request of each case that expects something in this form, and compares the answers.
pub async fn run(client: &Client, fixtures: &Fixtures, cases: &[Case], form: Form) -> Report {
    let mut report = Report::default();
    for case in cases {
        let Some(expected) = case.expectation(form) else { continue };
        let expected = fixtures.resolve_members(&expected);
        let differences = match send(client, fixtures, case).await {
            Ok(answer) => differences(&expected, &answer),
            Err(error) => vec![format!("no answer: {error:#}")],
        };
        if differences.is_empty() {
            report.passed += 1;
        } else {
            report.failed.push((case.name.clone(), differences));
        }
    }
    report
}

/// Sends the request of a case.
pub async fn send(client: &Client, fixtures: &Fixtures, case: &Case) -> Result<Answer> {
    let mut headers: Vec<(&str, String)> =
        case.headers.iter().map(|(name, value)| (name.as_str(), fixtures.resolve(value))).collect();
    let body = match (&case.raw_body, &case.body) {
        (Some(text), _) => Some(fixtures.resolve(text)),
        (None, Value::Null) => None,
        (None, json) => {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                headers.push(("Content-Type", "application/json".to_owned()));
            }
            Some(fixtures.resolve_json(json).to_string())
        }
    };
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.send(&case.method, &fixtures.resolve(&case.path), &headers, body.map(String::into_bytes)).await
}
