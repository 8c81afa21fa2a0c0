//! Walks by cursor through a long list that changes all the while.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Client, wait_until_async};

use crate::binary::{Folder, command, count, import_args, run};
use crate::calls::{NO_LIMITS, call, call_id, lines};
use crate::journey::VISIBLE;

/// Calls that are there when the walks start.
const CALLS: usize = 20_303;
/// Rows of a page: the most that there may be.
const PAGE: usize = 100;
/// Pages after which a walk waits until something has changed.
const STEADY_PAGES: usize = 25;
/// Calls added, and old ones annotated, in one request.
const CHANGES: usize = 20;

/// Adds calls all over the order, before, between and behind those that are there, and annotates old ones. Counts the
/// rounds.
async fn change(client: &Client, rounds: &AtomicUsize) -> ! {
    loop {
        let round = rounds.load(Ordering::Relaxed);
        let changes = (round * CHANGES..(round + 1) * CHANGES).flat_map(|change| {
            // Numbers that leap through all old calls, and as dates of new ones beyond the newest.
            let old = change * 7919 % CALLS;
            let mut added = call(change * 7919 % (2 * CALLS));
            if change.is_multiple_of(5) {
                added["createdAt"] = json!("2026-02-28T00:00:00Z");
            }
            added["_id"] = json!(call_id(10 * CALLS + change));
            added["totalTokens"] = json!(90 + change % 80);
            let annotated = json!({
                "specversion": "1.0", "id": format!("late-{change}"), "source": "walks", "type": "llm-log.call.annotated",
                "subject": call_id(old), "data": {"costInUSDCents": 0.5, "wasBilled": true},
            });
            [added, annotated]
        });
        let changes: Vec<Value> = changes.collect();
        client.post_ok("/v1/events", &json!(changes)).await;
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// The ids of a whole walk, in order, and how many of its rows had been annotated.
async fn walk(client: &Client, sort: Value) -> (Vec<String>, usize) {
    let mut body = json!({"sort": sort, "select": {"wasBilled": true}, "limit": PAGE, "cursor": ""});
    let (mut walked, mut annotated) = (Vec::new(), 0);
    for page in 1.. {
        let answer = client.post_ok("/api/llm-log/get-list", &body).await;
        let rows = answer["data"].as_array().expect("rows");
        walked.extend(rows.iter().map(|row| row["_id"].as_str().expect("an id").to_owned()));
        annotated += rows.iter().filter(|row| row["wasBilled"] == json!(true)).count();
        let cursor = answer["cursor"].clone();
        if cursor.is_null() {
            break;
        }
        assert_eq!(rows.len(), PAGE, "only the last page may be short");
        body["cursor"] = cursor;
        if page % STEADY_PAGES == 0 {
            let before = answer["count"].as_u64().expect("a number");
            wait_until_async("calls were added", VISIBLE, async || count(client).await > before).await;
        }
    }
    (walked, annotated)
}

#[tokio::test]
async fn a_walk_shows_every_call_of_its_start_once_while_calls_are_added_and_annotated() {
    let folder = Folder::new();
    let (key, file) = (folder.key().await, folder.file("calls.jsonl", lines(0..CALLS)));
    let server = folder.serve(&NO_LIMITS).await;
    run(&import_args(server.url(), &key, &file)).await.done();
    let client = server.client().with_key(&key);
    wait_until_async("all calls are visible", VISIBLE, async || count(&client).await == CALLS as u64).await;

    // Beside the changes made here, calls that come in as they do in use, each second one annotated late.
    let load = ["loadgen", "--url", server.url(), "--key", &key, "--seed", "5", "--duration", "1h"];
    let pace = ["--rate", "100", "--batch", "5", "--annotate", "0.5"];
    let mut load = command(&[load.as_slice(), &pace].concat()).spawn().expect("the binary starts");
    let rounds = AtomicUsize::new(0);
    let walks = async {
        let orders = [json!({"createdAt": -1}), json!({"createdAt": 1}), json!({"totalTokens": -1})];
        let [newest, oldest, most_tokens] = orders.clone().map(|sort| walk(&client, sort));
        let (newest, oldest, most_tokens) = tokio::join!(newest, oldest, most_tokens);
        orders.into_iter().zip([newest, oldest, most_tokens]).collect::<Vec<_>>()
    };
    let walks = tokio::select! {
        walks = walks => walks,
        never = change(&client, &rounds) => never,
    };

    assert!(load.try_wait().expect("known").is_none(), "loadgen ended early");
    load.kill().await.expect("it runs");
    let changed = rounds.into_inner() * CHANGES;
    let more_than_changed = async || count(&client).await > (CALLS + changed + CHANGES) as u64;
    wait_until_async("loadgen's calls are visible", VISIBLE, more_than_changed).await;

    let start: BTreeSet<String> = (0..CALLS).map(call_id).collect();
    for (sort, (walked, annotated)) in walks {
        let once: BTreeSet<String> = walked.iter().cloned().collect();
        assert_eq!(once.len(), walked.len(), "{sort}: a call came twice");
        let missing: Vec<&String> = start.difference(&once).collect();
        assert!(missing.is_empty(), "{sort}: {missing:?} did not come");
        assert!(once.len() > CALLS && annotated > 0, "{sort}: nothing happened meanwhile");
    }
    server.terminate().await.expect("the server stops");
}
