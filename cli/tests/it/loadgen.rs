//! `loadgen`.

use serde_json::json;
use testkit::wait_until_async;

use crate::binary::{Folder, count, run};
use crate::journey::VISIBLE;

#[tokio::test]
async fn loadgen_annotates_calls_that_it_published_before() {
    let folder = Folder::new();
    let key = folder.key().await;
    let server = folder.serve(&[]).await;
    let generate = ["loadgen", "--url", server.url(), "--key", &key, "--rate", "5000", "--batch", "10", "--seed", "7"];
    let report = run(&[&generate[..], &["--count", "300", "--annotate", "0.5"]].concat()).await.done();
    let sent = report.strip_prefix("events sent ").and_then(|rest| rest.split(',').next());
    let events: u64 = sent.and_then(|number| number.parse().ok()).expect("the report begins with the events");
    assert!((400..500).contains(&events), "{report}");
    assert!(report.contains(&format!("acknowledged {events}, failed 0")), "{report}");

    let client = server.client().with_key(&key);
    // Two kinds of event make version 2; nothing but an annotation is the second kind here.
    let annotated = async || {
        let answer = client.post_ok("/api/llm-log/count", &json!({"query": {"version": 2}})).await;
        answer["count"].as_u64().expect("a number")
    };
    let verified = async || count(&client).await == 300 && annotated().await > 0;
    wait_until_async("all calls are visible, annotated ones among them", VISIBLE, verified).await;
    server.terminate().await.expect("the server stops");
    let verified = folder.verify().await.done();
    assert_eq!(verified, format!("calls 300, records {events}, differences 0\n"));
}
