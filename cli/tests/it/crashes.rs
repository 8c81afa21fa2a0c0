//! kill -9, again and again.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Server, free_port, wait_until_async};
use tokio::process::Child;

use crate::binary::{Folder, command, count, ended, import_args, llm_log};
use crate::calls::{NO_LIMITS, call_id, lines, publish};
use crate::journey::VISIBLE;

/// Calls in one request.
const BATCH: usize = 50;

/// Publishes batch after batch until the server is gone; keeps the numbers of the calls that were acknowledged.
async fn publish_until_it_dies(client: &Client, first: usize, acknowledged: &Mutex<Vec<usize>>) {
    for batch in 0.. {
        let numbers = first + batch * BATCH..first + (batch + 1) * BATCH;
        match publish(client, numbers.clone()).await {
            Ok(true) => acknowledged.lock().expect("no holder panics").extend(numbers),
            Ok(false) => {}
            Err(_) => return,
        }
    }
}

/// How many of these calls there are.
async fn present(client: &Client, numbers: &[usize]) -> u64 {
    let ids: Vec<String> = numbers.iter().map(|number| call_id(*number)).collect();
    let body = json!({"query": {"_id": {"_type": "Includes", "value": ids}}});
    let answer = client.post_ok("/api/llm-log/count", &body).await;
    answer.get("count").and_then(Value::as_u64).expect("a count is a number")
}

#[tokio::test]
async fn whatever_was_acknowledged_before_a_kill_is_there_after_it() {
    let folder = Folder::new();
    let key = folder.key().await;
    let acknowledged = Mutex::new(Vec::new());
    for round in 0..3 {
        let server = folder.serve(&NO_LIMITS).await;
        let client = server.client().with_key(&key);
        let before = acknowledged.lock().expect("no holder panics").len();
        let enough = || acknowledged.lock().expect("no holder panics").len() >= before + 6 * BATCH;
        // Two publishers, so that one has a request under way whenever the other has its answer.
        let (one, two) = (round * 2_000_000, round * 2_000_000 + 1_000_000);
        let kill = async {
            wait_until_async("some batches are acknowledged", VISIBLE, async || enough()).await;
            server.kill().expect("it is killed");
        };
        tokio::join!(
            kill,
            publish_until_it_dies(&client, one, &acknowledged),
            publish_until_it_dies(&client, two, &acknowledged)
        );
    }
    let server = folder.serve(&[]).await;
    let client = server.client().with_key(&key);
    let acknowledged = acknowledged.into_inner().expect("no holder panics");
    for numbers in acknowledged.chunks(BATCH) {
        assert_eq!(
            present(&client, numbers).await,
            numbers.len() as u64,
            "acknowledged and missing: some of {numbers:?}"
        );
    }
    server.terminate().await.expect("it stops");
    let verified = folder.verify().await.done();
    assert!(verified.ends_with("differences 0\n"), "{verified}");
}

fn is_running(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

#[tokio::test]
async fn an_import_goes_on_when_the_server_that_was_killed_is_back() {
    const CALLS: usize = 12_000;
    let folder = Folder::new();
    let (key, file) = (folder.key().await, folder.file("calls.jsonl", lines(0..CALLS)));
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    // The first 20 batches are taken at once and each other one after five seconds: the kill comes in the middle.
    let slow = ["--project-events-per-second", "100", "--project-burst-events", "10000"];
    let server = Server::serve_at(llm_log(), &folder.data(), listen, &slow).await.expect("the server is ready");
    let client = server.client().with_key(&key);
    let mut import = command(&import_args(server.url(), &key, &file)).spawn().expect("the binary starts");
    wait_until_async("the first batch is visible", VISIBLE, async || count(&client).await > 0).await;
    assert!(is_running(&mut import), "the import is not at its end");
    server.kill().expect("it is killed");

    let server = Server::serve_at(llm_log(), &folder.data(), listen, &[""; 0]).await.expect("the server is ready");
    assert!(count(&client).await >= 500, "the first batch was acknowledged");
    let ended = tokio::time::timeout(Duration::from_mins(2), import.wait_with_output()).await;
    let told = self::ended(ended.expect("the import ends").expect("the import can be waited for")).done();
    assert!(told.starts_with(&format!("imported {CALLS} calls")), "{told}");
    wait_until_async("all calls are visible", VISIBLE, async || count(&client).await == CALLS as u64).await;
    server.kill().expect("it is killed");
    let verified = folder.verify().await.done();
    assert!(verified.ends_with("differences 0\n"), "{verified}");
}
