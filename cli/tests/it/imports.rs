//! `import`.

use std::io::Write as _;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use testkit::wait_until_async;
use tokio::io::AsyncWriteExt as _;

use crate::binary::{Folder, command, count, ended, import_args, run};
use crate::calls::{call, lines};
use crate::journey::VISIBLE;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes every write");
    encoder.finish().expect("memory takes every write")
}

#[tokio::test]
async fn importing_the_same_calls_twice_changes_nothing() {
    let folder = Folder::new();
    let (plain, packed) = (folder.file("a", lines(0..100)), folder.file("b", gzip(&lines(0..100))));
    let key = folder.key().await;
    let server = folder.serve(&[]).await;
    let client = server.client().with_key(&key);
    let told = run(&import_args(server.url(), &key, &plain)).await.done();
    assert!(told.starts_with("imported 100 calls"), "{told}");
    wait_until_async("all calls are visible", VISIBLE, async || count(&client).await == 100).await;
    let body = json!({"select": {"createdAt": true, "updatedAt": true, "version": true, "requestPrompt": true}});
    let once = client.post_ok("/api/llm-log/get-list?limit=100", &body).await;
    let sums_once = client.post_ok("/api/llm-log/stats", &json!({"groupBy": ["status"]})).await;

    run(&import_args(server.url(), &key, &packed)).await.done();
    server.terminate().await.expect("it stops");
    // A server is ready when it has read the log to its end: the second import has had its effect.
    let server = folder.serve(&[]).await;
    let client = server.client().with_key(&key);
    assert_eq!(client.post_ok("/api/llm-log/get-list?limit=100", &body).await, once);
    assert_eq!(client.post_ok("/api/llm-log/stats", &json!({"groupBy": ["status"]})).await, sums_once);
    server.terminate().await.expect("it stops");
    assert_eq!(folder.verify().await.done(), "calls 100, records 200, differences 0\n");
}

#[tokio::test]
async fn lines_that_are_refused_are_named_and_the_others_imported() {
    let folder = Folder::new();
    let key = folder.key().await;
    let mut foreign = call(1);
    foreign["projectId"] = json!("5b0e8400-e29b-41d4-a716-446655440000");
    let text = format!("{}\nno JSON\n{foreign}\n{}\n", call(0), json!({"_id": "x"}));
    let file = folder.file("calls.jsonl", text);
    let server = folder.serve(&[]).await;
    let told = run(&import_args(server.url(), &key, &file)).await.failed(1).stdout;
    assert!(told.starts_with("imported 2 calls"), "{told}");
    assert!(told.contains("projectId was replaced by the key's: 1 (of 1 projects)"), "{told}");
    assert!(told.contains("lines that were refused: 2\n  ") && told.contains("\n    line 2: "), "{told}");
    let client = server.client().with_key(&key);
    wait_until_async("both calls are the key's project's", VISIBLE, async || count(&client).await == 2).await;
}

#[tokio::test]
async fn an_import_with_a_wrong_key_or_to_nobody_fails_with_a_reason() {
    let folder = Folder::new();
    let file = folder.file("calls.jsonl", lines(0..2));
    let reader = folder.key_for(&["ReadLlmLog"]).await;
    let server = folder.serve(&[]).await;
    let refused = run(&import_args(server.url(), &reader, &file)).await.failed(1);
    assert!(refused.stderr.contains("answers 422"), "{}", refused.stderr);
    let nobody = format!("http://127.0.0.1:{}", testkit::free_port());
    let unreachable = run(&import_args(&nobody, &reader, &file)).await.failed(1);
    assert!(unreachable.stderr.contains(&format!("no server answers at {nobody}")), "{}", unreachable.stderr);
    run(&import_args("nowhere", &reader, &file)).await.failed(2);
}

#[tokio::test]
async fn an_import_that_can_not_go_on_ends_while_its_input_is_still_open() {
    let folder = Folder::new();
    let reader = folder.key_for(&["ReadLlmLog"]).await;
    let server = folder.serve(&[]).await;
    let mut import = command(&import_args(server.url(), &reader, "-"));
    let mut import = import.stdin(Stdio::piped()).spawn().expect("the binary starts");
    let mut input = import.stdin.take().expect("it is piped");
    input.write_all(lines(0..1000).as_bytes()).await.expect("it reads");
    let waiting = tokio::time::timeout(VISIBLE, import.wait_with_output());
    let refused = ended(waiting.await.expect("it ends by itself").expect("it can be waited for")).failed(1);
    assert!(refused.stderr.contains("answers 422"), "{}", refused.stderr);
    drop(input);
}
