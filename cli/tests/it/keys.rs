//! `keys`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use schemas::access::ApiKey;
use serde_json::{Value, json};
use testkit::{Client, Server, free_port, wait_until_async};
use uuid::Uuid;

use crate::binary::{Folder, MASTER_KEY, count, llm_log, make_key, run};
use crate::journey::VISIBLE;
use crate::permissions::{Roles, in_one};

/// A revocation acts within two seconds where the log can be reached; this much more a busy machine may need.
const IN_FORCE: Duration = Duration::from_secs(30);

/// How soon a key is good, and a revoked one is not, where the log can be reached.
const PROMISED: Duration = Duration::from_secs(2);

const ONE_PROJECT: &str = "5a000000-0000-4000-8000-00000000000a";
const ANOTHER_PROJECT: &str = "5a000000-0000-4000-8000-00000000000b";

async fn status(client: &Client, key: &str) -> u16 {
    client.with_key(key).post("/api/llm-log/count", &json!({})).await.expect("the server answers").status
}

/// The ids of the keys, in the order of their making.
async fn ids(place: &[&str]) -> Vec<String> {
    let args: Vec<&str> = ["keys", "list"].iter().chain(place).copied().collect();
    let table = run(&args).await.done();
    table.lines().skip(1).filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_key_made_before_the_first_start_is_good_and_printed_alone() {
    let folder = Folder::new();
    let key = folder.key().await;
    assert!(key.len() == 36 && key.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-')), "{key:?}");
    let server = folder.serve(&[]).await;
    assert_eq!(status(&server.client(), &key).await, 200);
    assert_eq!(status(&server.client(), &key.to_uppercase()).await, 200);
    assert!(!server.stdout().contains("has a key"), "a folder with keys gets no more: {}", server.stdout());
    let stored = run(&["keys", "list", "--url", server.url(), "--master-key-file", &folder.text("master-key")]).await;
    assert!(!stored.done().contains(&key), "a key is shown once");
}

#[tokio::test]
async fn a_new_folder_gets_a_key_that_is_printed_once() {
    let folder = Folder::new();
    let server = folder.serve(&[]).await;
    let told = || {
        let said = server.stdout();
        let key = said.lines().find_map(|line| line.split_once("shown only this once: "));
        key.map(|(_, key)| key.to_owned()).filter(|_| said.ends_with('\n'))
    };
    wait_until_async("the key is told", IN_FORCE, async || told().is_some()).await;
    let key = told().expect("it was told");
    assert_eq!(status(&server.client(), &key).await, 200);
    server.terminate().await.expect("it stops");
    let server = folder.serve(&[]).await;
    assert_eq!(status(&server.client(), &key).await, 200);
    assert!(!server.stdout().contains("shown only this once"), "{}", server.stdout());
}

#[tokio::test]
async fn a_key_that_is_revoked_while_the_server_runs_is_good_no_more() {
    let folder = Folder::new();
    let server = folder.serve(&[]).await;
    let master_key = folder.text("master-key");
    let place = ["--url", server.url(), "--master-key-file", &master_key];
    let (one, two) = (make_key(&place, &["ReadLlmLog"]).await, make_key(&place, &["ReadLlmLog"]).await);
    let client = server.client();
    for key in [&one, &two] {
        wait_until_async("the key is in force", IN_FORCE, async || status(&client, key).await == 200).await;
    }
    // The first of three is the folder's own.
    let [_, id, _] = &ids(&place).await[..] else { panic!("three keys") };
    let args: Vec<&str> = ["keys", "revoke", id].iter().chain(&place).copied().collect();
    run(&args).await.done();
    wait_until_async("the revocation acts", IN_FORCE, async || status(&client, &one).await == 400).await;
    let answer = client.with_key(&one).post("/api/llm-log/count", &json!({})).await.expect("the server answers");
    assert_eq!(answer.text(), r#"{"error":"Invalid API Key"}"#);
    assert_eq!(status(&client, &two).await, 200, "the other one is as good as before");
    assert_eq!(status(&client, MASTER_KEY).await, 200);
}

#[tokio::test]
async fn a_key_that_is_revoked_in_the_folder_is_refused_by_the_next_server() {
    let folder = Folder::new();
    let (key, data) = (folder.key().await, folder.text("data"));
    let [id] = &ids(&["--data", &data]).await[..] else { panic!("one key") };
    run(&["keys", "revoke", id, "--data", &data]).await.done();
    let unknown = "5ec00000-0000-4000-8000-000000000001";
    let reason = run(&["keys", "revoke", unknown, "--data", &data]).await.reason();
    assert!(reason.contains(&format!("no key with the id {unknown}")), "{reason}");
    let server = folder.serve(&[]).await;
    assert_eq!(status(&server.client(), &key).await, 400);
}

#[tokio::test]
async fn a_key_that_has_ended_is_listed_as_expired_wherever_it_is_listed() {
    let folder = Folder::new();
    let (data, master_key) = (folder.text("data"), folder.text("master-key"));
    let states = async |place: &[&str]| {
        let args: Vec<&str> = ["keys", "list"].iter().chain(place).copied().collect();
        let table = run(&args).await.done();
        table.lines().skip(1).filter_map(|line| line.rsplit("  ").next().map(str::to_owned)).collect::<Vec<_>>()
    };
    for end in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        make_key(&["--data", &data, "--expires", end], &["ReadLlmLog"]).await;
    }
    assert_eq!(states(&["--data", &data]).await, ["expired", "in force"]);
    let server = folder.serve(&[]).await;
    assert_eq!(states(&["--url", server.url(), "--master-key-file", &master_key]).await, ["expired", "in force"]);
}

/// The statuses of a read and of an event that can't be taken, with this key.
async fn statuses(roles: &Roles, key: &str) -> [u16; 2] {
    let sent = roles.ingest.with_key(key).post("/v1/events", &json!([{}])).await.expect("ingest answers");
    [status(&roles.query_api, key).await, sent.status]
}

async fn change(roles: &Roles, kind: &str, id: &str, data: &Value) {
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "keys", "type": format!("llm-log.reference.{kind}"), "subject": id,
        "data": data,
    });
    roles.ingest.with_key(MASTER_KEY).post_ok("/v1/reference", &event).await;
}

/// Makes keys and revokes them, and looks how long each role takes to know.
#[expect(clippy::print_stdout, reason = "how long it took is worth seeing")]
pub(crate) async fn keys_act_in_time(roles: &Roles) {
    let mut slowest = Duration::ZERO;
    for number in 0..5 {
        let (key, id) = (ApiKey::generate(), format!("0ee00000-0000-4000-8000-00000000000{number}"));
        let data =
            json!({"projectId": ONE_PROJECT, "hash": key.hash(), "permissions": [{"permission": "ProjectOwner"}]});
        assert_eq!(statuses(roles, &key.reveal()).await, [400, 400], "nobody knows it yet");
        for (kind, data, expected) in [("key", data, [200, 422]), ("key-revocation", json!({}), [400, 400])] {
            change(roles, kind, &id, &data).await;
            let start = Instant::now();
            wait_until_async(&format!("the {kind} acts"), PROMISED, async || {
                statuses(roles, &key.reveal()).await == expected
            })
            .await;
            slowest = slowest.max(start.elapsed());
        }
    }
    println!("the slowest change of a key acted after {slowest:?}");
}

/// The holder of the master key reads every project, or the one that is named.
pub(crate) async fn the_master_key_reads_every_project_or_one(roles: &Roles) {
    let (one, another) = ("67e55044-10b1-426f-9247-bb680e5fe0c8", "67e55044-10b1-426f-9247-bb680e5fe0c9");
    let reader = roles.query_api.with_key(MASTER_KEY);
    let before = count(&reader).await;
    let calls = json!([
        {"_id": one, "projectId": ONE_PROJECT, "status": "Success", "totalTokens": 1},
        {"_id": one, "projectId": ANOTHER_PROJECT, "status": "Error", "totalTokens": 10},
        {"_id": another, "projectId": ANOTHER_PROJECT, "status": "Success", "totalTokens": 100},
    ]);
    roles.ingest.with_key(MASTER_KEY).post_ok("/v1/events", &calls).await;
    wait_until_async("the calls are visible", VISIBLE, async || count(&reader).await == before + 3).await;
    for (project, tokens, rows) in [(ONE_PROJECT, 1, vec![one]), (ANOTHER_PROJECT, 110, vec![one, another])] {
        for (header, parameter) in [(Some(project), ""), (None, project)] {
            let ask = async |page: &str, body: Value| {
                let mut headers = vec![("Content-Type", "application/json")];
                headers.extend(header.map(|project| ("tenantid", project)));
                let path = format!("/api/llm-log/{page}?tenantid={parameter}");
                let answer = reader.send("POST", &path, &headers, Some(body.to_string().into_bytes())).await;
                answer.expect("an answer").json().expect("JSON")
            };
            let list = ask("get-list", json!({"select": {"projectId": true}, "sort": {"_id": 1}})).await;
            let wanted: Vec<Value> = rows.iter().map(|id| json!({"_id": id, "projectId": project})).collect();
            assert_eq!(list["data"], json!(wanted));
            assert_eq!(ask("count", json!({})).await, json!({"count": rows.len()}));
            assert_eq!(ask("stats", json!({})).await["total"]["totalTokens"], tokens);
            let item = ask(&format!("{one}/get-item"), json!({"select": {"projectId": true}})).await;
            assert_eq!(item["projectId"], project);
            // Whatever project a query names, it is the scope that counts.
            assert_eq!(ask("count", json!({"query": {"projectId": "x"}})).await, json!({"count": rows.len()}));
        }
    }
    let query = json!({"query": {"projectId": ANOTHER_PROJECT}});
    assert_eq!(reader.post_ok("/api/llm-log/count", &query).await, json!({"count": 2}));
}

#[tokio::test]
async fn a_key_acts_and_ends_within_two_seconds() {
    let folder = Folder::new();
    let server = folder.serve(&[]).await;
    keys_act_in_time(&in_one(&server)).await;
}

#[tokio::test]
async fn the_master_key_of_a_file_reads_every_project_or_the_one_it_names() {
    let folder = Folder::new();
    let server = folder.serve(&[]).await;
    the_master_key_reads_every_project_or_one(&in_one(&server)).await;
}

#[tokio::test]
async fn a_good_key_is_good_or_the_server_is_starting_but_never_invalid() {
    let folder = Folder::new();
    let key = folder.key().await;
    let server = folder.serve(&[]).await;
    // Reference data that take a moment to be read.
    let incidents: Vec<Value> = (0..10_000)
        .map(|number| {
            json!({
                "specversion": "1.0", "id": format!("{number}"), "source": "test", "type": "llm-log.reference.incident",
                "subject": Uuid::from_u128(number), "data": {"projectId": Uuid::nil(), "title": "late"},
            })
        })
        .collect();
    server.client().with_key(MASTER_KEY).post_ok("/v1/reference", &json!(incidents)).await;
    server.terminate().await.expect("it stops");

    let (data, port) = (folder.text("data"), free_port());
    let listen = format!("127.0.0.1:{port}");
    let server = Server::spawn(llm_log(), &["serve", "--data", &data, "--listen", &listen], port).expect("it starts");
    let client = server.client().with_key(&key);
    let mut answers = BTreeSet::new();
    let asking = async {
        loop {
            for path in ["/api/llm-log/count", "/v1/events"] {
                if let Ok(answer) = client.post(path, &json!([])).await {
                    answers.insert((path, answer.status));
                }
            }
        }
    };
    tokio::select! {
        ready = server.ready(IN_FORCE) => ready.expect("it comes up"),
        () = asking => {}
    }
    let starting = answers.iter().filter(|(_, status)| *status == 503).count();
    let good = answers.iter().filter(|(_, status)| *status == 200).count();
    assert_eq!(starting + good, answers.len(), "{answers:?}");
}
