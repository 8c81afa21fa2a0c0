//! `verify`.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;
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
    assert!(reason.contains("answers 422"), "{reason}");
}

/// A file of the index with this ending, and its name.
pub(crate) fn file_of(index: &Path, ending: &str) -> (PathBuf, String) {
    let mut files = fs::read_dir(index).expect("there is an index").filter_map(Result::ok).map(|file| file.path());
    let path =
        files.find(|path| path.extension().is_some_and(|extension| extension == ending)).expect("a segment has it");
    let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
    (path, name)
}

/// Changes bytes of a file in place, where whoever has it mapped into memory sees it.
pub(crate) fn spoil(path: &Path) {
    let mut file = OpenOptions::new().write(true).open(path).expect("writable");
    let length = file.metadata().expect("a file").len();
    file.seek(SeekFrom::Start(length / 3)).expect("within the file");
    file.write_all(b"not what it was").expect("written");
}

#[tokio::test]
async fn an_index_that_was_damaged_is_told_by_the_exit_status_and_built_again_by_the_next_server() {
    let folder = Folder::new();
    let (key, file) = (folder.key().await, folder.file("calls.jsonl", lines(0..50)));
    let server = folder.serve(&[]).await;
    run(&import_args(server.url(), &key, &file)).await.done();
    server.terminate().await.expect("it stops");
    assert_eq!(folder.verify().await.done(), "calls 50, records 50, differences 0\n");

    let (path, damaged) = file_of(&folder.data().join("index"), "fieldnorm");
    spoil(&path);
    let reason = folder.verify().await.reason();
    assert!(reason.contains(&format!("the file {damaged} does not have its checksum")), "{reason}");
    let server = folder.serve(&[]).await;
    assert_eq!(count(&server.client().with_key(key)).await, 50);
    server.terminate().await.expect("it stops");
    assert_eq!(folder.verify().await.done(), "calls 50, records 50, differences 0\n");
}

#[tokio::test]
async fn damage_under_a_running_server_is_told_by_verify_and_healed_without_a_restart() {
    let folder = Folder::new();
    let (key, file) = (folder.key().await, folder.file("calls.jsonl", lines(0..50)));
    let server = folder.serve(&[]).await;
    run(&import_args(server.url(), &key, &file)).await.done();
    let client = server.client().with_key(&key);
    wait_until_async("all calls are visible", VISIBLE, async || count(&client).await == 50).await;
    let (path, damaged) = file_of(&folder.data().join("index"), "fieldnorm");
    spoil(&path);
    let verify = ["verify", "--url", server.url(), "--master-key-file", &folder.text("master-key")];
    let told = run(&verify).await.failed(1);
    assert!(told.stdout.contains(&format!("the file {damaged} does not have its checksum")), "{told:?}");
    wait_until_async("the index is built anew", VISIBLE, async || {
        let answer = client.post("/api/llm-log/count", &json!({})).await.expect("the server answers");
        assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
        let names = answer.text().contains("nobody serves the partitions 0, 1, 2, 3");
        assert!(answer.status == 200 || names, "{}", answer.text());
        let told = run(&verify).await;
        told.code == Some(0) && told.stdout == "calls 50, records 50, differences 0\n"
    })
    .await;
    assert!(folder.data().join("index.set-aside").is_dir());
    server.ready(VISIBLE).await.expect("it is ready");
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
