//! The same on Kafka, in one process and with the roles as processes of their own. Runs when `LLM_LOG_TEST_KAFKA`
//! names a broker.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::conformance::Form;
use testkit::{Client, Server, free_port, unique_topic_prefix, wait_until_async};

use crate::binary::{Ended, Folder, PROJECT, count, import_args, llm_log, make_key, run};
use crate::calls::{NO_LIMITS, call_id, lines, publish};
use crate::journey::{VISIBLE, walk};
use crate::keys::{keys_act_in_time, the_master_key_reads_every_project_or_one};
use crate::permissions::{Roles, every_cell_holds};

const READY: Duration = Duration::from_mins(1);
/// Calls in one request.
const BATCH: usize = 50;

/// Roles that share topics, and secrets.
pub(crate) struct Installation {
    pub(crate) folder: Folder,
    /// What every role is told about the log.
    pub(crate) log: Vec<String>,
}

impl Installation {
    /// One of its own for each test; none when there is no broker.
    pub(crate) fn new(name: &str) -> Option<Self> {
        Some(Self::on(&testkit::kafka_or_skip()?, name))
    }

    /// On this broker, which need not run yet.
    pub(crate) fn on(bootstrap: &str, name: &str) -> Self {
        let folder = Folder::new();
        folder.file("secret", "shared by query-api and projectors".replace(' ', "-"));
        let prefix = unique_topic_prefix(name);
        let log =
            ["--kafka", bootstrap, "--topic-prefix", &prefix, "--log-partitions", "4"].map(str::to_owned).to_vec();
        Self { folder, log }
    }

    pub(crate) fn log(&self) -> Vec<&str> {
        self.log.iter().map(String::as_str).collect()
    }

    pub(crate) fn spawn(&self, role: &str, port: u16, more: &[&str]) -> Server {
        let listen = format!("127.0.0.1:{port}");
        let flag = if role == "projector" { "--internal-listen" } else { "--listen" };
        let (master_key, secret) = (self.folder.text("master-key"), self.folder.text("secret"));
        let mut args = vec![role, flag, &listen, "--master-key-file", &master_key];
        if role != "ingest" {
            args.extend(["--internal-secret-file", &secret]);
        }
        args.extend(self.log.iter().map(String::as_str));
        args.extend(more);
        Server::spawn(llm_log(), &args, port).expect("the binary starts")
    }

    pub(crate) fn ingest(&self) -> Server {
        self.spawn("ingest", free_port(), &NO_LIMITS)
    }

    pub(crate) fn query_api(&self, projectors: &[u16]) -> Server {
        let urls: Vec<String> = projectors.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        let flags: Vec<&str> = urls.iter().flat_map(|url| ["--projector", url]).collect();
        self.spawn("query-api", free_port(), &flags)
    }

    /// A projector whose data folder has this name, of these partitions.
    pub(crate) fn projector(&self, data: &str, port: u16, partitions: &str) -> Server {
        self.spawn("projector", port, &["--data", &self.folder.text(data), "--partitions", partitions])
    }

    pub(crate) async fn key(&self) -> String {
        make_key(&self.log(), &["ReadLlmLog", "CreateLlmLogEvent"]).await
    }

    /// Compares an index with the log while no process has it open.
    pub(crate) async fn verify(&self, data: &str) -> Ended {
        let (data, mut args) = (self.folder.text(data), vec!["verify", "--data"]);
        args.push(&data);
        args.extend(self.log.iter().map(String::as_str));
        run(&args).await
    }

    /// Compares the index of a projector that runs with the log.
    async fn verify_running(&self, projector: &Server) -> Ended {
        run(&["verify", "--url", projector.url(), "--master-key-file", &self.folder.text("master-key")]).await
    }
}

pub(crate) async fn ready(servers: &[&Server]) {
    for server in servers {
        server.ready(READY).await.expect("it is ready");
    }
}

/// Waits until the key is known to a server that started before it was made.
pub(crate) async fn in_force(client: &Client) {
    wait_until_async("the key is in force", VISIBLE, async || visible(client).await.is_some()).await;
}

/// The same of a server that only takes events.
pub(crate) async fn in_force_at_ingest(client: &Client) {
    wait_until_async("the key is in force at ingest", VISIBLE, async || {
        // What is refused for its content was let in.
        client.post("/v1/events", &json!([{}])).await.is_ok_and(|answer| answer.text().contains("problems"))
    })
    .await;
}

/// How many calls the key sees; none while there is no answer.
pub(crate) async fn visible(client: &Client) -> Option<u64> {
    let answer = client.post("/api/llm-log/count", &json!({})).await.ok()?;
    answer.json().ok()?.get("count").and_then(Value::as_u64)
}

/// The calls and the records that a comparison without differences names.
fn compared(ended: Ended) -> (usize, usize) {
    let told = ended.done();
    let numbers: Vec<usize> =
        told.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let [calls, records, 0] = *numbers else { panic!("differences: {told}") };
    (calls, records)
}

#[tokio::test]
async fn one_process_on_kafka_answers_as_on_the_embedded_log_and_so_after_a_restart() {
    let Some(installation) = Installation::new("serve") else { return };
    let key = installation.key().await;
    let log: Vec<&str> = installation.log.iter().map(String::as_str).collect();
    let server = installation.folder.serve(&log).await;
    let client = server.client().with_key(&key);
    walk(&client, &client).await;
    server.terminate().await.expect("it stops");
    assert_eq!(compared(installation.verify("data").await), (3, 6));
    let server = installation.folder.serve(&log).await;
    assert_eq!(count(&server.client().with_key(&key)).await, 3);
}

#[tokio::test]
async fn three_roles_that_start_at_once_on_a_new_log_answer_as_one_process_does() {
    let Some(installation) = Installation::new("roles") else { return };
    let port = free_port();
    let query_api = installation.query_api(&[port]);
    let projector = installation.projector("projector", port, "0-3");
    let ingest = installation.ingest();
    ready(&[&ingest, &projector, &query_api]).await;
    let place = ["--url", ingest.url(), "--master-key-file", &installation.folder.text("master-key")];
    let key = make_key(&place, &["ReadLlmLog", "CreateLlmLogEvent"]).await;
    let (producer, reader) = (ingest.client().with_key(&key), query_api.client().with_key(&key));
    in_force(&reader).await;
    in_force_at_ingest(&producer).await;
    walk(&producer, &reader).await;
    assert_eq!(compared(installation.verify_running(&projector).await), (3, 6));
    for role in [ingest, projector, query_api] {
        let stopped = role.terminate().await.expect("it stops");
        assert!(stopped.status.success(), "{stopped:?}");
    }
    assert_eq!(compared(installation.verify("projector").await), (3, 6));
}

#[tokio::test]
async fn keys_act_in_time_on_every_role_and_get_just_what_the_matrix_says() {
    let Some(installation) = Installation::new("keys") else { return };
    let port = free_port();
    let query_api = installation.query_api(&[port]);
    let projector = installation.projector("projector", port, "0-3");
    let ingest = installation.ingest();
    ready(&[&ingest, &projector, &query_api]).await;
    let roles = Roles { query_api: query_api.client(), ingest: ingest.client(), projector: projector.client() };
    keys_act_in_time(&roles).await;
    the_master_key_reads_every_project_or_one(&roles).await;
    every_cell_holds(&roles, Form::Docs).await;
}

#[tokio::test]
async fn two_projectors_with_half_the_partitions_each_are_read_as_one_and_a_missing_one_is_told() {
    const CALLS: usize = 400;
    let Some(installation) = Installation::new("halves") else { return };
    let key = installation.key().await;
    let file = installation.folder.file("calls.jsonl", lines(0..CALLS));
    let ports = [free_port(), free_port()];
    let one = installation.projector("one", ports[0], "0-1");
    let two = installation.projector("two", ports[1], "2,3");
    let (ingest, query_api) = (installation.ingest(), installation.query_api(&ports));
    ready(&[&ingest, &one, &two, &query_api]).await;
    run(&import_args(ingest.url(), &key, &file)).await.done();
    let reader = query_api.client().with_key(&key);
    wait_until_async("all calls are visible", VISIBLE, async || count(&reader).await == CALLS as u64).await;

    let mut listed = BTreeSet::new();
    for skip in (0..CALLS).step_by(100) {
        let list = reader.post_ok(&format!("/api/llm-log/get-list?limit=100&skip={skip}"), &json!({})).await;
        let rows = list.get("data").and_then(Value::as_array).expect("a list has rows");
        listed.extend(rows.iter().filter_map(|row| row.get("_id")?.as_str().map(str::to_owned)));
    }
    assert_eq!(listed, (0..CALLS).map(call_id).collect(), "the pages show each call once");
    let sums = reader.post_ok("/api/llm-log/stats", &json!({"groupBy": ["status"]})).await;
    let calls = sums.pointer("/total/calls").and_then(Value::as_u64);
    assert_eq!(calls, Some(CALLS as u64), "{sums}");
    let words = json!({"query": {"_text": {"_type": "FullText", "value": "\"the parcel 7\""}}});
    let found = reader.post_ok("/api/llm-log/get-list", &words).await;
    assert_eq!(found.get("data"), Some(&json!([{"_id": call_id(7)}])));

    two.kill().expect("it is killed");
    wait_until_async("what is missing is told", VISIBLE, async || {
        let answer = reader.post("/api/llm-log/count", &json!({})).await.expect("query-api answers");
        assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
        answer.status == 503
    })
    .await;
    let not_ready = query_api.client().get("/readyz").await.expect("query-api answers").text();
    assert!(not_ready.contains("partitions {2, 3}"), "{not_ready}");
    let two = installation.projector("two", ports[1], "2,3");
    ready(&[&two, &query_api]).await;
    assert_eq!(count(&reader).await, CALLS as u64);
    let (calls_one, _) = compared(installation.verify_running(&one).await);
    let (calls_two, _) = compared(installation.verify_running(&two).await);
    assert!(calls_one > 0 && calls_two > 0, "{calls_one} and {calls_two} calls");
    assert_eq!(calls_one + calls_two, CALLS);
}

#[tokio::test]
async fn a_projector_that_is_killed_while_it_is_behind_misses_nothing_after_its_restart() {
    const KILLS: usize = 3;
    const ROUNDS: usize = 20;
    let Some(installation) = Installation::new("kill") else { return };
    let key = installation.key().await;
    let port = free_port();
    let (ingest, query_api) = (installation.ingest(), installation.query_api(&[port]));
    ready(&[&ingest]).await;
    let (producer, reader) = (ingest.client().with_key(&key), query_api.client().with_key(&key));
    let (acknowledged, enough) = (Mutex::new(0), AtomicBool::new(false));
    let acknowledged_now = || *acknowledged.lock().expect("no holder panics");
    let publishing = async {
        for batch in 0.. {
            if enough.load(Ordering::Relaxed) {
                return;
            }
            let numbers = batch * BATCH..(batch + 1) * BATCH;
            assert!(publish(&producer, numbers).await.expect("ingest answers"), "nothing limits it");
            *acknowledged.lock().expect("no holder panics") += BATCH;
        }
    };
    let killing = async {
        let (mut seen, mut kills) = (0, 0);
        for round in 0.. {
            assert!(round < ROUNDS, "{kills} of {ROUNDS} kills found the projector behind");
            let projector = installation.projector("projector", port, "0-3");
            wait_until_async("it goes on", VISIBLE, async || visible(&reader).await > Some(seen)).await;
            let acknowledged = acknowledged_now();
            projector.kill().expect("it is killed");
            let (calls, records) = compared(installation.verify("projector").await);
            seen = calls as u64;
            // What was acknowledged before the kill and is not in the index was still to be read.
            let lag = acknowledged.saturating_sub(records);
            println!("killed at {records} of {acknowledged} acknowledged records: lag {lag}");
            kills += usize::from(lag > 0);
            if kills == KILLS {
                break;
            }
        }
        enough.store(true, Ordering::Relaxed);
    };
    tokio::join!(publishing, killing);

    let projector = installation.projector("projector", port, "0-3");
    ready(&[&projector, &query_api]).await;
    let calls = acknowledged_now();
    assert_eq!(visible(&reader).await, Some(calls as u64), "project {PROJECT}");
    assert_eq!(compared(installation.verify_running(&projector).await), (calls, calls));
}
