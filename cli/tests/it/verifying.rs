//! `verify`.

use std::fs;
use std::path::Path;

use testkit::wait_until_async;

use crate::binary::{Folder, count, import_args, run};
use crate::calls::lines;
use crate::journey::VISIBLE;

#[tokio::test]
async fn a_running_server_verifies_itself_and_only_for_the_master_key() {
    let folder = Folder::new();
    let (key, file) = (folder.key().await, folder.file("calls.jsonl", lines(0..50)));
    let server = folder.serve(&[]).await;
    run(&import_args(server.url(), &key, &file)).await.done();
    let client = server.client().with_key(&key);
    wait_until_async("all calls are visible", VISIBLE, async || count(&client).await == 50).await;
    let args = ["verify", "--url", server.url(), "--master-key-file"];
    let with = |file: String| args.iter().map(ToString::to_string).chain([file]).collect::<Vec<_>>();
    let verified = run(&with(folder.text("master-key"))).await.done();
    assert_eq!(verified, "calls 50, records 50, differences 0\n");
    let reason = run(&with(folder.file("wrong", key))).await.reason();
    assert!(reason.contains("answers 401"), "{reason}");
}

/// Changes a bit of a file of the index's; its name.
fn damage(index: &Path) -> String {
    let mut files = fs::read_dir(index).expect("there is an index").filter_map(Result::ok).map(|file| file.path());
    let norms = files.find(|path| path.extension().is_some_and(|extension| extension == "fieldnorm"));
    let path = norms.expect("a segment has the lengths of its texts");
    let mut bytes = fs::read(&path).expect("readable");
    *bytes.first_mut().expect("there are texts") ^= 1;
    fs::write(&path, bytes).expect("writable");
    path.file_name().expect("a file has a name").to_string_lossy().into_owned()
}

#[tokio::test]
async fn an_index_that_was_damaged_is_told_by_the_exit_status_and_built_again_by_the_next_server() {
    let folder = Folder::new();
    let (key, file) = (folder.key().await, folder.file("calls.jsonl", lines(0..50)));
    let server = folder.serve(&[]).await;
    run(&import_args(server.url(), &key, &file)).await.done();
    server.terminate().await.expect("it stops");
    assert_eq!(folder.verify().await.done(), "calls 50, records 50, differences 0\n");

    let damaged = damage(&folder.data().join("index"));
    let reason = folder.verify().await.reason();
    assert!(reason.contains(&format!("the file {damaged} does not have its checksum")), "{reason}");
    let server = folder.serve(&[]).await;
    assert_eq!(count(&server.client().with_key(key)).await, 50);
    server.terminate().await.expect("it stops");
    assert_eq!(folder.verify().await.done(), "calls 50, records 50, differences 0\n");
}

#[tokio::test]
async fn nothing_to_verify_is_a_failure_and_a_wrong_line_is_wrong_usage() {
    let folder = Folder::new();
    let reason = folder.verify().await.reason();
    assert!(reason.contains("there is no index in the folder"), "{reason}");
    run(&["verify"]).await.failed(2);
    run(&["verify", "--url", "http://127.0.0.1:1"]).await.failed(2);
    run(&["verify", "--data", "a", "--url", "http://127.0.0.1:1", "--master-key-file", "b"]).await.failed(2);
}
