//! Who may do what: what every kind of key gets of every route of every role.

mod answers;
mod holders;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use schemas::event::CallEventType;
use serde_json::{Value, json};
use testkit::conformance::Form;
use testkit::{Answer, Client, Server};
use uuid::Uuid;

use self::answers::is_as_said;
use self::holders::{Holder, every_permission, holders};
use crate::binary::{Folder, MASTER_KEY};

/// `ok` is a 200, the other words are refusals: see `answers`. `docs` and `oneuptime` are `ok` in that form of the API
/// and `no read` in the other.
const MATRIX: &str = "
                                       | read       | change  | send         | erase       | abandon   | master    | verify    | open
    ProjectOwner                       | ok         | never   | ok           | ok          | internal  | no master | no master | ok
    ProjectAdmin                       | ok         | never   | ok           | ok          | internal  | no master | no master | ok
    ProjectMember                      | ok         | never   | no create    | no create   | no create | no master | no master | ok
    Viewer                             | oneuptime  | never   | no create    | no create   | no create | no master | no master | ok
    ReadLlmLog                         | ok         | never   | no create    | no create   | no create | no master | no master | ok
    ReadAllProjectResources            | docs       | never   | no create    | no create   | no create | no master | no master | ok
    CreateLlmLogEvent                  | no read    | never   | ok           | no erase    | internal  | no master | no master | ok
    EraseLlmLog                        | no read    | never   | no create    | ok          | internal  | no master | no master | ok
    ReadProjectMonitor                 | no read    | never   | no create    | no create   | no create | no master | no master | ok
    nothing                            | no read    | never   | no create    | no create   | no create | no master | no master | ok
    Owner of another project           | ok         | never   | ok           | ok          | internal  | no master | no master | ok
    all but ReadLlmLog                 | block read | never   | ok           | ok          | internal  | no master | no master | ok
    all but CreateLlmLogEvent          | ok         | never   | block create | ok          | internal  | no master | no master | ok
    all but EraseLlmLog                | ok         | never   | ok           | block erase | internal  | no master | no master | ok
    all but ReadProjectMonitor         | ok         | never   | ok           | ok          | internal  | no master | no master | ok
    all but ReadLlmLog of a label      | ok         | never   | ok           | ok          | internal  | no master | no master | ok
    nothing and not ReadLlmLog         | block read | never   | no create    | no create   | no create | no master | no master | ok
    expired                            | invalid    | invalid | invalid      | invalid     | invalid   | invalid   | no master | ok
    revoked                            | invalid    | invalid | invalid      | invalid     | invalid   | invalid   | no master | ok
    unknown                            | invalid    | invalid | invalid      | invalid     | invalid   | invalid   | no master | ok
    malformed                          | invalid    | invalid | invalid      | invalid     | invalid   | invalid   | invalid   | ok
    empty                              | invalid    | invalid | invalid      | invalid     | invalid   | invalid   | invalid   | ok
    none                               | login      | login   | login        | login       | login     | login     | login     | ok
    none but a session                 | session    | session | session      | session     | session   | session   | session   | ok
    the master key                     | ok         | never   | ok           | ok          | internal  | ok        | ok        | ok
";

/// The column of the matrix that a route belongs to, the route, and what is sent: nothing, a change of a call, an event
/// of a type, an object without an envelope, or a reference event.
const ROUTES: [(&str, &str, &str, &str); 28] = [
    ("read", "GET", "/api/llm-log/get-list", ""),
    ("read", "POST", "/api/llm-log/get-list", ""),
    ("read", "GET", "/api/llm-log/{id}/get-item", ""),
    ("read", "POST", "/api/llm-log/{id}/get-item", ""),
    ("read", "POST", "/api/llm-log/count", ""),
    ("read", "POST", "/api/llm-log/stats", ""),
    ("change", "POST", "/api/llm-log", "create"),
    ("change", "PUT", "/api/llm-log/{id}", "update"),
    ("change", "GET", "/api/llm-log/{id}/update-item", "update"),
    ("change", "POST", "/api/llm-log/{id}/update-item", "update"),
    ("change", "DELETE", "/api/llm-log/{id}", "delete"),
    ("change", "GET", "/api/llm-log/{id}/delete-item", "delete"),
    ("change", "POST", "/api/llm-log/{id}/delete-item", "delete"),
    ("send", "POST", "/v1/events", "llm-log.call.started"),
    ("send", "POST", "/v1/events", "llm-log.call.completed"),
    ("send", "POST", "/v1/events", "llm-log.call.failed"),
    ("send", "POST", "/v1/events", "llm-log.call.recorded"),
    ("send", "POST", "/v1/events", "llm-log.call.annotated"),
    ("send", "POST", "/v1/events", "object"),
    ("erase", "POST", "/v1/events", "llm-log.call.erased"),
    ("abandon", "POST", "/v1/events", "llm-log.call.abandoned"),
    ("master", "POST", "/v1/reference", "user"),
    ("master", "GET", "/v1/keys", ""),
    ("verify", "POST", "/v1/verify", ""),
    ("open", "GET", "/healthz", ""),
    ("open", "GET", "/readyz", ""),
    ("open", "GET", "/metrics", ""),
    ("open", "GET", "/openapi.json", ""),
];

const CALL: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
const PROJECT: &str = "5a000000-0000-4000-8000-000000000001";

/// Who serves what.
pub(crate) struct Roles {
    pub(crate) query_api: Client,
    pub(crate) ingest: Client,
    pub(crate) projector: Client,
}

impl Roles {
    /// Whoever has the routes of this column.
    fn of(&self, column: &str) -> Vec<&Client> {
        match column {
            "read" | "change" => vec![&self.query_api],
            "verify" => vec![&self.projector],
            "open" => vec![&self.query_api, &self.ingest],
            _ => vec![&self.ingest],
        }
    }
}

/// The matrix as rows: a kind of key and a word for each column.
fn matrix() -> Vec<(&'static str, BTreeMap<&'static str, &'static str>)> {
    let mut lines = MATRIX.lines().filter(|line| !line.trim().is_empty());
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let columns = cells(lines.next().expect("the matrix has a head"));
    let rows = lines.map(|line| {
        let words = cells(line);
        assert_eq!(words.len(), columns.len(), "{line}");
        (words[0], columns.iter().copied().zip(words.iter().copied()).skip(1).collect())
    });
    rows.collect()
}

/// What is sent to a route.
fn body(name: &str, is_master: bool) -> Value {
    let mut data = json!({});
    if is_master {
        data["projectId"] = json!(PROJECT);
    }
    if name.ends_with("recorded") || name == "object" {
        data["status"] = json!("Success");
    } else if name.ends_with("annotated") {
        data["feature"] = json!("x");
    }
    match name {
        "" => Value::Null,
        "create" | "update" | "delete" => json!({"data": {"status": "Success", "projectId": PROJECT}}),
        "object" => data,
        "user" => event("llm-log.reference.user", fresh_id(), &json!({"name": "Bob"})),
        event_type => event(event_type, fresh_id(), &data),
    }
}

fn event(event_type: &str, subject: Uuid, data: &Value) -> Value {
    json!({"specversion": "1.0", "id": "1", "source": "permissions", "type": event_type, "subject": subject, "data": data})
}

fn fresh_id() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u64_pair(0x5eed_0000_0000_4000, 0x8000_0000_0000_0000 + NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn send(client: &Client, method: &str, path: &str, holder: &Holder, body: &Value) -> Answer {
    let mut headers: Vec<(&str, &str)> = holder.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.push(("Content-Type", "application/json"));
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    client.send(method, &path.replace("{id}", CALL), &headers, Some(body)).await.expect("the role answers")
}

/// Sends every request of the matrix and compares each answer with the word that stands there.
pub(crate) async fn every_cell_holds(roles: &Roles, form: Form) {
    let (holders, mut wrong) = (holders(roles).await, Vec::new());
    for (name, words) in matrix() {
        for (column, method, path, sent) in ROUTES {
            for client in roles.of(column) {
                let answer = send(client, method, path, &holders[name], &body(sent, name == "the master key")).await;
                if !is_as_said(words[column], column, sent, form, &answer) {
                    let (word, status, text) = (words[column], answer.status, answer.text());
                    wrong.push(format!("{name}: {method} {path} {sent}: expected {word}, got {status} {text}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells differ:\n{}", wrong.len(), wrong.join("\n"));
}

pub(crate) fn in_one(server: &Server) -> Roles {
    Roles { query_api: server.client(), ingest: server.client(), projector: server.client() }
}

#[tokio::test]
async fn every_kind_of_key_gets_just_what_the_matrix_says_of_every_route() {
    for form in Form::ALL {
        let folder = Folder::new();
        let server = folder.serve(&["--compat", form.name()]).await;
        every_cell_holds(&in_one(&server), form).await;
    }
}

#[tokio::test]
async fn the_matrix_has_every_permission_every_event_and_every_route_that_is_described_or_that_a_router_knows() {
    let kinds: BTreeSet<&str> = matrix().into_iter().map(|(name, _)| name).collect();
    for permission in every_permission() {
        assert!(kinds.contains(permission), "{permission} is no kind of key in the matrix");
    }
    let sent: BTreeSet<String> = ROUTES.iter().map(|(.., sent)| (*sent).to_owned()).collect();
    for event_type in CallEventType::ALL {
        assert!(sent.contains(&event_type.to_string()), "{event_type} is sent by no route of the matrix");
    }

    let known: BTreeSet<(String, &str)> =
        ROUTES.iter().map(|(_, method, path, _)| (method.to_lowercase(), *path)).collect();
    let folder = Folder::new();
    let server = folder.serve(&[]).await;
    let master = server.client().with_key(MASTER_KEY);
    let described = master.get("/openapi.json").await.expect("an answer").json().expect("JSON");
    for (path, methods) in described["paths"].as_object().expect("pages") {
        for method in methods.as_object().expect("methods").keys() {
            assert!(known.contains(&(method.clone(), path)), "{method} {path} is described and not in the matrix");
        }
    }
    let paths: BTreeSet<&str> = known.iter().map(|(_, path)| *path).collect();
    for path in paths_of_routers() {
        let (is_known, is_internal) = (paths.contains(path.as_str()), path.starts_with("/internal/"));
        assert!(is_known || is_internal, "a router knows {path}, and the matrix does not");
    }
    for path in &paths {
        for method in ["get", "post", "put", "delete", "patch"] {
            if !known.contains(&(method.to_owned(), path)) {
                let answer = send(&master, &method.to_uppercase(), path, &Holder::new(), &body("update", true)).await;
                // Where an id may stand, a name is none.
                let is_no_id = answer.text().contains("Invalid ID format");
                assert!(matches!(answer.status, 404 | 405) || is_no_id, "{method} {path} answers {}", answer.status);
            }
        }
    }
}

/// The paths in the sources' calls of `route`.
fn paths_of_routers() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace");
    let (mut folders, mut found) = (Vec::new(), BTreeSet::new());
    folders.extend(["cli", "ingest", "projector", "query-api"].map(|name| root.join(name).join("src")));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") {
                let source = fs::read_to_string(&path).expect("the source can be read");
                let calls = source.split(".route(").skip(1);
                found.extend(calls.map(|call| call.split('"').nth(1).expect("a path").to_owned()));
            }
        }
    }
    assert!(found.contains("/v1/events") && found.contains("/internal/v1/list"), "{found:?}");
    found
}
