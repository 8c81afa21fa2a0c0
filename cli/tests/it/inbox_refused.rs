//! An inbox that may not be read, on a broker of the test's own. Runs when `LLM_LOG_TEST_KAFKA` names a broker, so that
//! one can be started.

use schemas::id::ProjectId;
use serde_json::json;
use testkit::{Broker, Server, free_port, wait_until_async};

use crate::binary::{Folder, PROJECT, count, llm_log};
use crate::inbox::{Sent, Topics};
use crate::journey::VISIBLE;
use crate::kafka::{Installation, ready};

/// Each is not ready, for this reason alone, and has logged it.
async fn refused(roles: &[&Server], kind: &str, name: &str) {
    let error = format!("Kafka refuses: grant the operation Read on the {kind} {name}");
    let missing = json!([format!("the inbox can't be read: {error}")]);
    for role in roles {
        wait_until_async("it says what to grant", VISIBLE, async || {
            let answer = role.client().get("/readyz").await;
            answer
                .is_ok_and(|answer| answer.status == 503 && answer.json().is_ok_and(|body| body["missing"] == missing))
        })
        .await;
        let log = role.stderr();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&error)).collect();
        assert!(lines.len() == 1 && lines[0].contains("ERROR"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_may_not_read_the_inbox_are_not_ready_and_say_what_to_grant() {
    if testkit::kafka_or_skip().is_none() {
        return;
    }
    let broker = Broker::started().await.expect("the broker starts");
    let (installation, folder) = (Installation::on(&broker.bootstrap(), "refused"), Folder::new());
    let topics = Topics::of(&installation);
    let (group, inbox) = (topics.name("ingest"), topics.name("inbox"));
    let key = installation.key().await;
    broker.leave_only("Describe", "group", &group).await.expect("told");
    let (port, data) = (free_port(), folder.text("data"));
    let listen = format!("127.0.0.1:{port}");
    let args = [&["serve", "--data", &data, "--listen", &listen][..], &installation.log()].concat();
    let serve = Server::spawn(llm_log(), &args, port).expect("the binary starts");
    let ingest = installation.ingest();
    let roles = [&ingest, &serve];
    refused(&roles, "group", &group).await;
    broker.give_back("group", &group).await.expect("told");
    ready(&roles).await;

    broker.leave_only("Describe", "topic", &inbox).await.expect("told");
    refused(&roles, "topic", &inbox).await;
    broker.give_back("topic", &inbox).await.expect("told");
    ready(&roles).await;

    let call = json!({"projectId": ProjectId::of_name(PROJECT).to_string(), "status": "Success"}).to_string();
    topics.send("inbox", 0, &[Sent::value(call)]);
    let reader = serve.client().with_key(&key);
    wait_until_async("the inbox is taken", VISIBLE, async || count(&reader).await == 1).await;
    for role in [ingest, serve] {
        let stopped = role.terminate().await.expect("it stops");
        assert!(stopped.status.success(), "{stopped:?}");
    }
}
