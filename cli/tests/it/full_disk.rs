//! A server whose disk fills up and is cleared again. Runs where a small disk can be mounted.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Server, SmallDisk, wait_until_async};

use crate::binary::{Folder, count, llm_log, run};
use crate::calls::{NO_LIMITS, call};
use crate::consistency::{is_there, publish_one};
use crate::journey::VISIBLE;

const DISK_BYTES: usize = 128 * 1024 * 1024;

/// A call with a prompt that hardly compresses and is one word.
fn large_call(number: usize) -> Value {
    let mut state = number as u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:x}", state >> 16)
    });
    let mut call = call(number);
    call["requestPrompt"] = json!(words.take(4_000).collect::<String>());
    call
}

/// Whether the call was acknowledged. If not, it was said when to try again.
async fn publish(client: &Client, number: usize) -> bool {
    let answer = client.post("/v1/events", &large_call(number)).await.expect("the server answers");
    assert!(answer.status == 200 || answer.header("Retry-After").is_some(), "{}: {}", answer.status, answer.text());
    assert!(matches!(answer.status, 200 | 503), "{}: {}", answer.status, answer.text());
    answer.status == 200
}

async fn publish_until_full(client: &Client) -> Vec<usize> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if publish(client, number).await {
            acknowledged.push(number);
        } else if acknowledged.len() + 20 < number {
            break;
        }
        assert!(number < 5_000, "the disk does not fill up");
    }
    acknowledged
}

#[tokio::test]
async fn on_a_full_disk_reads_go_on_and_all_goes_on_without_a_restart_when_there_is_room_again() {
    let Some(disk) = SmallDisk::mount(DISK_BYTES).expect("a temporary folder") else {
        testkit::skip("a small disk can be mounted by root only");
        return;
    };
    let (folder, data) = (Folder::new(), disk.path().join("data"));
    let (path, master_key) = (data.display().to_string(), folder.text("master-key"));
    let args = ["keys", "create", "--project", "shop", "--data", &path];
    let permissions = ["--permission", "ReadLlmLog", "--permission", "CreateLlmLogEvent"];
    let key = run(&[&args[..], &permissions].concat()).await.done().trim().to_owned();
    let serve: Vec<&str> = ["--master-key-file", &master_key].into_iter().chain(NO_LIMITS).collect();
    let server = Server::serve(llm_log(), &data, &serve).await.expect("the server is ready");
    let client = server.client().with_key(&key);
    let first = publish_one(&client, 1_000_000).await;
    assert!(is_there(&client, 1_000_000, &[&first]).await);

    disk.take(DISK_BYTES / 2).expect("room for it");
    let mut acknowledged = publish_until_full(&client).await;
    disk.fill().expect("it is full");
    let seen = count(&client).await;
    assert!(seen > 0);
    // For a while, in which the projector tries again and again.
    let since = tokio::time::Instant::now();
    wait_until_async("some time has passed", VISIBLE, async || {
        assert!(count(&client).await >= seen, "reads go on");
        assert!(is_there(&client, 1_000_000, &[]).await);
        since.elapsed() > Duration::from_secs(3)
    })
    .await;
    disk.clear().expect("there is ballast");
    for number in 10_000..10_020 {
        wait_until_async("events are taken again", VISIBLE, async || publish(&client, number).await).await;
        acknowledged.push(number);
    }
    wait_until_async("all that was acknowledged is visible", VISIBLE, async || {
        count(&client).await > acknowledged.len() as u64
    })
    .await;
    for number in &acknowledged {
        assert!(is_there(&client, *number, &[]).await, "call {number} was acknowledged");
    }
    let verified = run(&["verify", "--url", server.url(), "--master-key-file", &master_key]).await.done();
    assert!(verified.ends_with("differences 0\n"), "{verified}");
    server.terminate().await.expect("it stops");
}
