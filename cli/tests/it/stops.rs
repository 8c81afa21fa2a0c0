//! Ctrl-C, and the start after it.

use serde_json::json;
use testkit::{Server, free_port, wait_until_async};

use crate::binary::{Folder, command, count, import_args, llm_log, run};
use crate::calls::lines;
use crate::journey::VISIBLE;

#[tokio::test]
async fn a_restart_shows_just_what_was_there_before() {
    let folder = Folder::new();
    let (key, file) = (folder.key().await, folder.file("calls.jsonl", lines(0..120)));
    let server = folder.serve(&[]).await;
    run(&import_args(server.url(), &key, &file)).await.done();
    let client = server.client().with_key(&key);
    wait_until_async("all calls are visible", VISIBLE, async || count(&client).await == 120).await;
    let body = json!({"select": {
        "createdAt": true, "updatedAt": true, "version": true, "status": true, "requestPrompt": true, "costInUSDCents": true,
    }});
    let before = client.post_ok("/api/llm-log/get-list?limit=100", &body).await;
    let sums_before = client.post_ok("/api/llm-log/stats", &json!({"groupBy": ["modelName", "day"]})).await;
    server.terminate().await.expect("it stops");

    let server = folder.serve(&[]).await;
    let client = server.client().with_key(&key);
    assert_eq!(client.post_ok("/api/llm-log/get-list?limit=100", &body).await, before);
    assert_eq!(client.post_ok("/api/llm-log/stats", &json!({"groupBy": ["modelName", "day"]})).await, sums_before);
}

#[tokio::test]
async fn ctrl_c_in_the_middle_of_an_import_finishes_the_batch_and_leaves_in_good_order() {
    let folder = Folder::new();
    let (key, file) = (folder.key().await, folder.file("calls.jsonl", lines(0..30_000)));
    // However slow the machine is, the import is not at its end when the server is told to stop.
    let slow = ["--project-events-per-second", "1000", "--project-burst-events", "10000"];
    let server = folder.serve(&slow).await;
    let client = server.client().with_key(&key);
    let mut import = command(&import_args(server.url(), &key, &file)).spawn().expect("the binary starts");
    wait_until_async("the first calls are visible", VISIBLE, async || count(&client).await > 0).await;
    assert!(matches!(import.try_wait(), Ok(None)), "the import is not at its end");
    let stopped = server.interrupt().await.expect("it leaves");
    assert!(stopped.status.success(), "{stopped:?}");
    assert!(stopped.stderr.contains("stopping") && stopped.stderr.contains("stopped"), "{}", stopped.stderr);
    // What takes longer than it may is cut off with a warning, and so is what would not fit into five seconds.
    assert!(!stopped.stderr.contains("not finished in time"), "{}", stopped.stderr);
    import.kill().await.expect("the import is killed");
    let verified = folder.verify().await.done();
    assert!(verified.ends_with("differences 0\n"), "{verified}");
}

#[tokio::test]
async fn a_server_works_and_stops_when_nobody_takes_its_log_lines() {
    let (folder, port) = (Folder::new(), free_port());
    let (listen, data) = (format!("127.0.0.1:{port}"), folder.text("data"));
    let args = ["serve", "--data", &data, "--listen", &listen, "--log", "debug"];
    let server = Server::spawn_unheard(llm_log(), &args, port).expect("the binary starts");
    server.ready(VISIBLE).await.expect("it is ready");
    let stopped = server.terminate().await.expect("it leaves");
    assert!(stopped.status.success(), "{stopped:?}");
}
