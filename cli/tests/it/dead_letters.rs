//! `dead-letters`, and what else `verify` finds in a log that others write to. Runs when `LLM_LOG_TEST_KAFKA` names a
//! broker.

use serde_json::json;
use testkit::wait_until_async;

use crate::binary::{Ended, PROJECT, count, run};
use crate::inbox::{Sent, Topics, noise};
use crate::journey::VISIBLE;
use crate::kafka::Installation;

fn project() -> String {
    schemas::id::ProjectId::of_name(PROJECT).to_string()
}

async fn dead_letters(installation: &Installation, args: &[&str]) -> Ended {
    let mut line = vec!["dead-letters"];
    line.extend(args);
    line.extend(installation.log());
    // What is said of the topics at each start is no part of what a command has to tell.
    line.extend(["--log", "error"]);
    run(&line).await
}

/// The rows of the list, less its head, each in its columns.
async fn list(installation: &Installation, more: &[&str]) -> Vec<Vec<String>> {
    let args: Vec<&str> = ["list"].iter().chain(more).copied().collect();
    let table = dead_letters(installation, &args).await.done();
    let row =
        |line: &str| line.split("  ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect();
    table.lines().skip(1).map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_shown_and_sent_again_without_a_second_effect() {
    let Some(mut installation) = Installation::new("letters") else { return };
    installation.log.extend(["--topic-setting", "calls:max.message.bytes=100000"].map(str::to_owned));
    let (key, topics) = (installation.key().await, Topics::of(&installation));
    // Without an id: what ingest makes for it has to be the same each time.
    let large = json!({"projectId": project(), "status": "Success", "requestPrompt": noise(200_000)}).to_string();
    let refused = Sent {
        key: Some(b"record key".to_vec()),
        headers: vec![("trace", "a\u{1b}[31m".to_owned())],
        ..Sent::value("no\nJSON")
    };
    topics.send("inbox", 2, &[refused, Sent::value(large.clone()), Sent::value("x".repeat(9_000_000))]);
    let server = installation.folder.serve(&installation.log()).await;
    wait_until_async("everything is acknowledged", VISIBLE, async || topics.acknowledged() == 3).await;

    let rows = list(&installation, &[]).await;
    let [bad, large_letter, cut] = &rows[..] else { panic!("three letters: {rows:?}") };
    let inbox = topics.name("inbox");
    assert_eq!(bad[2..], [&format!("{inbox}/2/0"), "7", "-", "/: expected a JSON object"]);
    assert_eq!(large_letter[2..5], [&format!("{inbox}/2/1"), &large.len().to_string(), "-"]);
    assert!(large_letter[5].contains("the greatest size is 9"), "{large_letter:?}");
    assert_eq!(cut[3..5], ["9000000", "cut"]);
    assert_eq!(list(&installation, &["--limit", "1"]).await, std::slice::from_ref(cut));

    let shown = dead_letters(&installation, &["show", &bad[0]]).await.done();
    for part in
        ["reason    /: expected a JSON object\n", "key       record key\n", "trace: a\\u{1b}[31m\n", "\n\nno\nJSON\n"]
    {
        assert!(shown.contains(part), "{part:?} is not in {shown}");
    }
    let file = installation.folder.text("bytes");
    let described = dead_letters(&installation, &["show", &large_letter[0][..6], "--output", &file]).await.done();
    assert!(described.contains(&format!("from      {inbox}, partition 2, offset 1\n")), "{described}");
    assert_eq!(std::fs::read_to_string(&file).expect("written"), large);
    assert_eq!(dead_letters(&installation, &["show", &bad[0], "--output", "-"]).await.done(), "no\nJSON");
    let unknown = dead_letters(&installation, &["show", "xyz"]).await.reason();
    assert!(unknown.contains("there is no dead letter with the id \"xyz\""), "{unknown}");

    let told = dead_letters(&installation, &["redrive", &cut[0]]).await.failed(1).stdout;
    assert!(told.starts_with(&format!("{}  refused: it was cut (end of the value)", cut[0])), "{told}");
    assert!(told.ends_with("sent to the inbox again: 0, refused: 1\n"), "{told}");
    server.terminate().await.expect("it stops");

    topics.set("calls", &[("retention.ms", "-1"), ("max.message.bytes", "9437184")]).await;
    let server = installation.folder.serve(&installation.log()).await;
    for _ in 0..2 {
        let told = dead_letters(&installation, &["redrive", "--all"]).await.failed(1).stdout;
        assert!(told.ends_with("sent to the inbox again: 2, refused: 1\n"), "{told}");
    }
    wait_until_async("what was sent again is acknowledged", VISIBLE, async || topics.acknowledged() == 3 + 4).await;
    let client = server.client().with_key(&key);
    wait_until_async("the large one is visible", VISIBLE, async || count(&client).await > 0).await;
    let mut ids: Vec<String> = list(&installation, &[]).await.into_iter().map(|mut row| row.swap_remove(0)).collect();
    let mut before: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    ids.sort();
    before.sort();
    assert_eq!(ids, before, "one that is refused again is the same letter, and one that is taken stays");
    server.terminate().await.expect("it stops");
    let verified = installation.verify("data").await.done();
    assert!(verified.starts_with("calls 1, records 2, differences 0"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_event_in_the_log_itself_is_passed_over_and_named_by_verify() {
    let Some(installation) = Installation::new("newer") else { return };
    let (key, topics) = (installation.key().await, Topics::of(&installation));
    let event = |event_type: &str| {
        json!({
            "specversion": "1.0", "id": "1", "source": "s", "type": format!("llm-log.call.{event_type}"),
            "subject": "67e55044-10b1-426f-9247-bb680e5fe0c8", "time": "2026-03-01T06:00:00Z",
            "data": {"projectId": project()},
        })
        .to_string()
    };
    // The call's home among four partitions.
    topics.send("calls", 3, &[event("started"), event("paused"), event("completed")].map(Sent::value));
    let server = installation.folder.serve(&installation.log()).await;
    assert_eq!(count(&server.client().with_key(&key)).await, 1);
    server.terminate().await.expect("it stops");
    let verified = installation.verify("data").await.done();
    let expected = concat!(
        "calls 1, records 3, differences 0\n  records without effect: 1\n",
        "  partition 3, offset 1: unknown event type \"llm-log.call.paused\"\n"
    );
    assert_eq!(verified, expected);
}
