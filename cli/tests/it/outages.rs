//! Roles whose broker is away. Runs when `LLM_LOG_TEST_KAFKA` names a broker, and on one of its own.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Broker, Client, Server, free_port, wait_until_async};

use crate::binary::{Folder, PROJECT, count};
use crate::inbox::{Sent, Topics};
use crate::journey::VISIBLE;
use crate::kafka::{Installation, in_force, in_force_at_ingest, ready};

/// How long a broker may take until everybody has found it again.
const BACK: Duration = Duration::from_mins(2);

/// Each says in one line, and at `/readyz`, that it waits and for what.
async fn waits(server: &Server, bootstrap: &str) {
    let (said, missing) = ("Kafka does not answer; trying again", format!("Kafka does not answer at {bootstrap}: "));
    wait_until_async("it says that it waits", VISIBLE, async || {
        let answer = server.client().get("/readyz").await;
        server.stderr().contains(said)
            && answer.is_ok_and(|answer| answer.status == 503 && answer.text().contains(&missing))
    })
    .await;
    assert_eq!(server.stderr().matches("WARN").count(), 1, "{}", server.stderr());
    let answer = server.client().post("/v1/events", &json!({})).await.expect("it answers");
    assert_eq!(answer.status, 503, "{}", answer.text());
}

/// Sends events that are acknowledged or not; their ids as the answer has them.
async fn publish(producer: &Client, calls: &[&str]) -> (u16, Vec<String>) {
    let events: Vec<Value> = calls.iter().map(|call| json!({"_id": call, "status": "Success"})).collect();
    let answer = producer.post("/v1/events", &json!(events)).await.expect("ingest answers");
    if answer.status == 200 {
        return (200, calls.iter().map(|call| (*call).to_owned()).collect());
    }
    assert!(answer.header("retry-after").is_some(), "{}: {}", answer.status, answer.text());
    let body = answer.json().expect("a refusal is JSON");
    let ids = body.get("callIds").and_then(Value::as_array).cloned().unwrap_or_default();
    (answer.status, ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_wait_for_a_broker_that_is_away_and_go_on_when_it_is_back() {
    const CALLS: [&str; 2] = ["67e55044-10b1-426f-9247-bb680e5fe0c8", "67e55044-10b1-426f-9247-bb680e5fe0c9"];
    if testkit::kafka_or_skip().is_none() {
        return;
    }
    let broker = Broker::new().expect("a folder");
    let bootstrap = broker.bootstrap();
    let installation = Installation::on(&bootstrap, "outage");
    let serving = Folder::new();
    let port = free_port();
    // An append is given up sooner than it would be.
    let ingest = installation.spawn("ingest", free_port(), &["--kafka-property", "delivery.timeout.ms=3000"]);
    let (projector, query_api) = (installation.projector("projector", port, "0-3"), installation.query_api(&[port]));
    let serve = {
        let (port, data) = (free_port(), serving.text("data"));
        let listen = format!("127.0.0.1:{port}");
        let args = [&["serve", "--data", &data, "--listen", &listen][..], &installation.log()].concat();
        Server::spawn(crate::binary::llm_log(), &args, port).expect("the binary starts")
    };
    let roles = [&ingest, &projector, &query_api, &serve];
    for role in roles {
        waits(role, &bootstrap).await;
    }
    broker.start().await.expect("the broker starts");
    ready(&roles).await;

    let key = installation.key().await;
    let (producer, reader) = (ingest.client().with_key(&key), query_api.client().with_key(&key));
    in_force(&reader).await;
    in_force_at_ingest(&producer).await;
    wait_until_async("the first call is taken", VISIBLE, async || publish(&producer, &CALLS[..1]).await.0 == 200).await;
    wait_until_async("the first call is visible", VISIBLE, async || count(&reader).await == 1).await;

    broker.kill().await.expect("the broker is killed");
    let (status, ids) = publish(&producer, &CALLS).await;
    assert_eq!((status, ids), (503, CALLS.map(str::to_owned).to_vec()), "what is not acknowledged is named");
    assert_eq!(count(&reader).await, 1, "reads go on");
    assert_eq!(query_api.client().get("/readyz").await.expect("it answers").status, 200, "for five minutes");

    broker.start().await.expect("the broker starts");
    wait_until_async("events are taken again", BACK, async || publish(&producer, &CALLS).await.0 == 200).await;
    let project = schemas::id::ProjectId::of_name(PROJECT).to_string();
    let of_inbox = json!({"projectId": project, "status": "Success"}).to_string();
    Topics::of(&installation).send("inbox", 0, &[Sent::value(of_inbox)]);
    wait_until_async("the inbox is read again", BACK, async || count(&reader).await == 3).await;
    wait_until_async("serve is up to date", BACK, async || count(&serve.client().with_key(&key)).await == 3).await;
    for role in [ingest, query_api, serve, projector] {
        let stopped = role.terminate().await.expect("it stops");
        assert!(stopped.status.success(), "{stopped:?}");
    }
    let verified = installation.verify("projector").await.done();
    assert!(verified.starts_with("calls 3, ") && verified.ends_with("differences 0\n"), "{verified}");
}
