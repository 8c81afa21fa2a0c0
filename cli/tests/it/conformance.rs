//! The cases that come with the project, against the binary.

use testkit::conformance::{Form, Suite, alterations, differences, run, send, start_server};

use crate::binary::{Folder, llm_log};

#[tokio::test]
async fn the_cases_pass_in_the_documented_form() {
    pass(Form::Docs).await;
}

#[tokio::test]
async fn the_cases_pass_in_the_form_of_the_reference_server() {
    pass(Form::OneUptime).await;
}

async fn pass(form: Form) {
    for suite in Suite::shipped() {
        let folder = Folder::new();
        let server =
            start_server(llm_log(), &folder.path(""), &suite.fixtures, form).await.expect("the server is ready");
        let report = run(&server.client(), &suite.fixtures, &suite.cases, form).await;
        assert!(report.failed.is_empty(), "{} cases in the form {}:\n{report}", suite.name, form.name());
        assert_eq!(report.passed, suite.cases.len(), "each case expects something in this form");
    }
}

/// What the cases say is really compared: no part of any expectation can be altered without a difference.
#[tokio::test]
async fn a_case_with_anything_altered_in_its_expectation_fails() {
    let (mut altered, form) = (0, Form::Docs);
    for suite in Suite::shipped() {
        let folder = Folder::new();
        let server =
            start_server(llm_log(), &folder.path(""), &suite.fixtures, form).await.expect("the server is ready");
        for case in &suite.cases {
            let answer = send(&server.client(), &suite.fixtures, case).await.expect("the server answers");
            let expected = case.expectation(form).expect("each case expects something");
            for wrong in alterations(&suite.fixtures.resolve_members(&expected)) {
                assert!(!differences(&wrong, &answer).is_empty(), "{} passes with {wrong:?}", case.name);
                altered += 1;
            }
        }
    }
    assert!(altered > 2000, "{altered}");
}
