//! Folders and ports that another process has.

use testkit::Server;

use crate::binary::{Folder, llm_log, run};

#[tokio::test]
async fn a_second_process_on_a_folder_is_refused_and_told_who_holds_it() {
    let folder = Folder::new();
    let data = folder.text("data");
    let server = folder.serve(&[]).await;
    let holder = format!("is in use by process {} ({} serve)", server.process_id(), llm_log().display());
    for args in [
        vec!["serve", "--data", &data, "--listen", "127.0.0.1:0"],
        vec!["verify", "--data", &data],
        vec!["keys", "list", "--data", &data],
    ] {
        let reason = run(&args).await.reason();
        assert!(reason.contains(&holder), "{args:?}: {reason}");
    }
    assert!(server.is_running());
    let answer = server.client().get("/readyz").await.expect("it answers");
    assert_eq!(answer.status, 200, "the first one does not notice");
}

#[tokio::test]
async fn the_folder_of_a_process_that_was_killed_is_free() {
    let folder = Folder::new();
    folder.serve(&[]).await.kill().expect("it is killed");
    folder.verify().await.done();
}

#[tokio::test]
async fn a_folder_that_a_newer_version_wrote_is_refused() {
    let folder = Folder::new();
    folder.serve(&[]).await.terminate().await.expect("it stops");
    folder.file("data/version", "99\n");
    let reason = run(&["serve", "--data", &folder.text("data"), "--listen", "127.0.0.1:0"]).await.reason();
    assert!(reason.contains("was written by a newer llm-log (format 99"), "{reason}");
}

#[tokio::test]
async fn a_folder_whose_log_is_gone_gets_no_new_one() {
    let folder = Folder::new();
    folder.serve(&[]).await.terminate().await.expect("it stops");
    let (log, aside) = (folder.data().join("log"), folder.path("aside"));
    std::fs::rename(&log, &aside).expect("moved");
    let reason = run(&["serve", "--data", &folder.text("data"), "--listen", "127.0.0.1:0"]).await.reason();
    assert!(reason.contains("has an index and no log"), "{reason}");
    assert!(!log.exists());
    std::fs::rename(&aside, &log).expect("moved back");
    folder.verify().await.done();
}

#[tokio::test]
async fn a_port_in_use_is_told_in_one_line() {
    let folder = Folder::new();
    let server: Server = folder.serve(&[]).await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let reason = run(&["serve", "--data", &folder.text("other"), "--listen", &address]).await.reason();
    assert!(reason.contains(&format!("can't listen on {address}")), "{reason}");
    assert!(!folder.path("other").exists(), "nothing was made");
}
