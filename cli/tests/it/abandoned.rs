//! Calls that run for too long.

use serde_json::{Value, json};
use testkit::{Client, free_port, wait_until_async};

use crate::binary::{Folder, run};
use crate::journey::VISIBLE;
use crate::kafka::{Installation, in_force, ready};

const LOST: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
const ENDED: &str = "67e55044-10b1-426f-9247-bb680e5fe0c9";
const RECORDED: &str = "67e55044-10b1-426f-9247-bb680e5fe0ca";
const LATER: &str = "67e55044-10b1-426f-9247-bb680e5fe0cb";

async fn publish(client: &Client, event_type: &str, call: &str, time: &str, data: Value) {
    let event = json!({
        "specversion": "1.0", "source": "abandoned", "type": format!("llm-log.call.{event_type}"), "subject": call,
        "time": time, "data": data,
    });
    client.post_ok("/v1/events", &event).await;
}

async fn row(client: &Client, call: &str) -> Value {
    let select = json!({"select": {
        "status": true, "createdAt": true, "updatedAt": true, "version": true, "durationMs": true, "modelName": true,
    }});
    client.post_ok(&format!("/api/llm-log/{call}/get-item"), &select).await
}

async fn has_status(client: &Client, call: &str, status: &str) -> bool {
    row(client, call).await.get("status").is_some_and(|shown| shown == status)
}

/// Rows, newest first, and sums by status.
async fn all(client: &Client) -> (Value, Value) {
    let columns = json!({"select": {"status": true, "createdAt": true, "updatedAt": true, "version": true}});
    let list = client.post_ok("/api/llm-log/get-list", &columns).await;
    (list, client.post_ok("/api/llm-log/stats", &json!({"groupBy": ["status", "day"]})).await)
}

#[tokio::test]
async fn a_call_that_runs_for_too_long_is_abandoned_until_its_outcome_comes() {
    let folder = Folder::new();
    let key = folder.key().await;
    let server = folder.serve(&["--abandon-after", "1s"]).await;
    let client = server.client().with_key(&key);
    // Told in one request, so that no sweep comes in between.
    let event = |event_type: &str, time: &str| {
        json!({
            "specversion": "1.0", "source": "abandoned", "type": format!("llm-log.call.{event_type}"),
            "subject": ENDED, "time": time, "data": {},
        })
    };
    let ended = json!([event("started", "2026-01-24T09:00:00Z"), event("completed", "2026-01-24T09:00:01Z")]);
    client.post_ok("/v1/events", &ended).await;
    publish(&client, "started", LOST, "2026-01-24T10:00:00Z", json!({"modelName": "gpt-4o"})).await;
    let recorded = json!({"_id": RECORDED, "status": "Running", "createdAt": "2026-01-24T11:00:00Z"});
    client.post_ok("/v1/events", &recorded).await;
    for call in [LOST, RECORDED] {
        wait_until_async("it is abandoned", VISIBLE, async || has_status(&client, call, "Abandoned").await).await;
    }
    let abandoned = json!({
        "_id": LOST, "createdAt": "2026-01-24T10:00:00.000Z", "updatedAt": "2026-01-24T10:00:01.000Z", "version": 2,
        "modelName": "gpt-4o", "status": "Abandoned", "durationMs": null,
    });
    assert_eq!(row(&client, LOST).await, abandoned);
    let count = json!({"query": {"status": "Abandoned"}});
    assert_eq!(client.post_ok("/api/llm-log/count", &count).await, json!({"count": 2}));
    let sums = client.post_ok("/api/llm-log/stats", &json!({"groupBy": ["status"]})).await;
    assert_eq!(sums.pointer("/total/errors"), Some(&json!(2)), "{sums}");
    let untouched = row(&client, ENDED).await;
    assert_eq!((&untouched["status"], &untouched["version"]), (&json!("Success"), &json!(2)));

    publish(&client, "completed", LOST, "2026-01-24T10:00:00.500Z", json!({"totalTokens": 7})).await;
    wait_until_async("the late outcome is shown", VISIBLE, async || has_status(&client, LOST, "Success").await).await;
    // A later sweep comes by all of them again.
    publish(&client, "started", LATER, "2026-01-24T12:00:00Z", json!({})).await;
    wait_until_async("it is abandoned", VISIBLE, async || has_status(&client, LATER, "Abandoned").await).await;
    let before = all(&client).await;
    server.terminate().await.expect("it stops");
    let verified = folder.verify().await.done();
    assert!(verified.starts_with("calls 4, ") && verified.ends_with("differences 0\n"), "{verified}");

    std::fs::remove_dir_all(folder.data().join("index")).expect("deleted");
    let server = folder.serve(&["--abandon-after", "off"]).await;
    assert_eq!(all(&server.client().with_key(&key)).await, before, "time enters by the log alone");
}

#[tokio::test]
async fn nobody_says_from_outside_that_a_call_is_abandoned() {
    let folder = Folder::new();
    let key = folder.key_for(&["ProjectOwner"]).await;
    let server = folder.serve(&[]).await;
    let project = schemas::id::ProjectId::of_name(crate::binary::PROJECT);
    let event = json!({
        "specversion": "1.0", "source": "abandoned", "type": "llm-log.call.abandoned", "subject": LOST,
        "data": {"projectId": project.to_string()},
    });
    for key in [key.as_str(), crate::binary::MASTER_KEY] {
        let answer = server.client().with_key(key).post("/v1/events", &event).await.expect("it answers");
        assert_eq!((answer.status, answer.text().contains("/type")), (422, true), "{}", answer.text());
    }
}

#[tokio::test]
async fn the_roles_are_swept_by_a_command_and_two_of_them_do_no_harm() {
    let Some(installation) = Installation::new("sweep") else { return };
    let key = installation.key().await;
    let port = free_port();
    let (ingest, projector) = (installation.ingest(), installation.projector("projector", port, "0-3"));
    let query_api = installation.query_api(&[port]);
    ready(&[&ingest, &projector, &query_api]).await;
    let (producer, reader) = (ingest.client().with_key(&key), query_api.client().with_key(&key));
    in_force(&reader).await;
    publish(&producer, "started", LOST, "2026-01-24T10:00:00Z", json!({})).await;
    wait_until_async("the started call runs", VISIBLE, async || has_status(&reader, LOST, "Running").await).await;

    let (url, secret) = (format!("http://127.0.0.1:{port}"), installation.folder.text("secret"));
    let mut sweep = vec!["sweep", "--projector", &url, "--internal-secret-file", &secret];
    sweep.extend(installation.log());
    assert_eq!(run(&[&sweep[..], &["--abandon-after", "36500d"]].concat()).await.done(), told(0));
    let (one, two) = tokio::join!(run(&sweep), run(&sweep));
    // The second may come when the first is done and visible.
    let told_by = [one.done(), two.done()];
    assert!(
        told_by.contains(&told(1)) && told_by.iter().all(|line| *line == told(1) || *line == told(0)),
        "{told_by:?}"
    );
    wait_until_async("it is abandoned", VISIBLE, async || has_status(&reader, LOST, "Abandoned").await).await;
    assert_eq!(run(&sweep).await.done(), told(0));
    let abandoned = row(&reader, LOST).await;
    assert_eq!((&abandoned["updatedAt"], &abandoned["version"]), (&json!("2026-01-24T11:00:00.000Z"), &json!(2)));

    publish(&producer, "failed", LOST, "2026-01-24T10:00:01Z", json!({})).await;
    wait_until_async("the late outcome is shown", VISIBLE, async || has_status(&reader, LOST, "Error").await).await;
    projector.terminate().await.expect("it stops");
    let reason = run(&sweep).await.failed(1).stderr;
    assert!(reason.contains("nobody serves"), "{reason}");
    let verified = installation.verify("projector").await.done();
    assert!(verified.ends_with("differences 0\n"), "{verified}");
}

fn told(calls: u64) -> String {
    format!("calls that had run for too long: {calls}\n")
}
