//! The cases that come with the project.

use testkit::conformance::{Case, Fixtures, Form, run, start_server};

use crate::binary::{Folder, llm_log};

#[tokio::test]
async fn the_shipped_cases_pass_in_the_documented_form() {
    let (folder, fixtures, cases) = (Folder::new(), Fixtures::shipped(), Case::shipped());
    let server = start_server(llm_log(), &folder.path(""), &fixtures, Form::Docs).await.expect("the server is ready");
    let report = run(&server.client(), &fixtures, &cases, Form::Docs).await;
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(report.passed, cases.len(), "each case expects something in this form");
}
