//! What the words of the matrix stand for.

use serde_json::json;
use testkit::Answer;
use testkit::conformance::Form;

/// Whether an answer is what the word says, to the letter.
pub(super) fn is_as_said(word: &str, column: &str, sent: &str, form: Form, answer: &Answer) -> bool {
    let word = match (word, form) {
        ("docs", Form::Docs) | ("oneuptime", Form::OneUptime) => "ok",
        ("docs" | "oneuptime", _) => "no read",
        (word, _) => word,
    };
    match word {
        "ok" => answer.status == 200,
        "internal" => answer.status == 422 && answer.text().contains("llm-log itself finds abandoned calls"),
        _ => (answer.status, answer.text()) == refusal(word, column, sent, form),
    }
}

/// The status and the text that a word of the matrix stands for; for `ok` and `internal` the text has more.
fn refusal(word: &str, column: &str, sent: &str, form: Form) -> (u16, String) {
    let error = |status: u16, text: &str| (status, json!({ "error": text }).to_string());
    let lacks = |doing: &str, any_of: &str| {
        error(422, &format!("You do not have permissions to {doing}. You need one of these permissions: {any_of}"))
    };
    let barred = |doing: &str, permission: &str| {
        error(
            422,
            &format!("You are not authorized to {doing} because {permission} is in your team's permission block list."),
        )
    };
    let session = "AccessToken is invalid or expired. Please refresh your token.";
    match (word, column) {
        ("no read", _) => match form {
            Form::Docs => lacks(
                "read LLM Log",
                "Project Owner, Project Admin, Project Member, Read LLM Log, Read All Project Resources",
            ),
            Form::OneUptime => {
                lacks("read LLM Log", "Project Owner, Project Admin, Project Member, Viewer, Read LLM Log")
            }
        },
        ("no create", _) => lacks("create LLM Log Event", "Project Owner, Project Admin, Create LLM Log Event"),
        ("no erase", _) => lacks("erase LLM Log", "Project Owner, Project Admin, Erase LLM Log"),
        ("block read", _) => barred("read LLM Log", "ReadLlmLog"),
        ("block create", _) => barred("create LLM Log Event", "CreateLlmLogEvent"),
        ("block erase", _) => barred("erase LLM Log", "EraseLlmLog"),
        ("never", _) => error(422, &format!("{sent} on LLM Log is not allowed.")),
        ("no master", _) => error(422, "Only the holder of the master key may do this."),
        ("invalid", _) => error(400, "Invalid API Key"),
        ("session", _) => (401, json!({ "message": session }).to_string()),
        ("login", _) => {
            let doing = match (column, sent) {
                ("read", _) => "read record of LLM Log".to_owned(),
                ("change", _) => format!("{sent} record of LLM Log"),
                ("master", "") => "list API keys".to_owned(),
                ("master", _) => "change reference data".to_owned(),
                ("verify", _) => "verify the index".to_owned(),
                _ => "create record of LLM Log Event".to_owned(),
            };
            error(401, &format!("Authenticated user or a valid API key is needed to {doing}."))
        }
        _ => panic!("no refusal is called {word}"),
    }
}
