//! The cases that come with the project, with the data behind them.

use super::case::Case;
use super::fixtures::Fixtures;

/// Cases and the data that a server has to hold for them.
#[derive(Debug, Clone)]
pub struct Suite {
    pub name: &'static str,
    pub fixtures: Fixtures,
    pub cases: Vec<Case>,
}

impl Suite {
    /// The project's own cases.
    pub fn own() -> Self {
        Self::parse(
            "own",
            include_str!("../../conformance/fixtures.json"),
            include_str!("../../conformance/cases.json"),
        )
    }

    /// What was observed on the reference server.
    pub fn observed() -> Self {
        Self::parse(
            "observed",
            include_str!("../../conformance/observed/fixtures.json"),
            include_str!("../../conformance/observed/cases.json"),
        )
    }

    pub fn shipped() -> [Self; 2] {
        [Self::own(), Self::observed()]
    }

    fn parse(name: &'static str, fixtures: &str, cases: &str) -> Self {
        Self {
            name,
            fixtures: serde_json::from_str(fixtures).expect("the project's own fixtures are valid"),
            cases: serde_json::from_str(cases).expect("the project's own cases are valid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::conformance::Form;

    #[test]
    fn every_shipped_case_expects_something_in_both_forms_and_names_only_what_the_fixtures_have() {
        for suite in Suite::shipped() {
            for case in &suite.cases {
                for form in Form::ALL {
                    let expected = case.expectation(form).unwrap_or_default();
                    assert!(expected.len() > 1, "{}: {} expects too little of {form:?}", suite.name, case.name);
                }
                let resolved = suite.fixtures.resolve(&format!("{case:?}"));
                assert!(!resolved.contains("{{"), "{}", case.name);
            }
        }
    }

    #[test]
    fn no_two_shipped_cases_have_one_name() {
        for suite in Suite::shipped() {
            let names: BTreeSet<&str> = suite.cases.iter().map(|case| case.name.as_str()).collect();
            assert_eq!(names.len(), suite.cases.len(), "{}", suite.name);
        }
    }
}
