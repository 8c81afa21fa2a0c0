//! Reads that see what was written before them, by `Llm-Log-Consistent-With`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use schemas::access::{ApiKey, Grant, Permission};
use schemas::id::ProjectId;
use schemas::positions::Positions;
use schemas::reference::{KeyObject, ReferenceObject, ReferenceRecord};
use serde_json::{Value, json};
use testkit::{Answer, Client, free_port, wait_until_async};
use uuid::Uuid;

use crate::binary::{Folder, MASTER_KEY, PROJECT, count, run};
use crate::calls::{NO_LIMITS, call, call_id};
use crate::journey::VISIBLE;
use crate::kafka::{Installation, in_force, ready};

/// Publishes one call; the token of its acknowledgement.
pub(crate) async fn publish_one(client: &Client, number: usize) -> String {
    let answer = client.post("/v1/events", &call(number)).await.expect("the server answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.header("Llm-Log-Positions").expect("an acknowledgement has a token");
    assert_eq!(answer.json().expect("JSON")["position"], json!(token));
    token
}

/// Reads once, and waits for these tokens.
pub(crate) async fn read_with(client: &Client, path: &str, tokens: &[&str]) -> Answer {
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(tokens.iter().map(|token| ("Llm-Log-Consistent-With", *token)));
    let path = format!("/api/llm-log/{path}");
    client.send("POST", &path, &headers, Some(b"{}".to_vec())).await.expect("the server answers")
}

/// Whether the call is there, asked once.
pub(crate) async fn is_there(client: &Client, number: usize, tokens: &[&str]) -> bool {
    let answer = read_with(client, &format!("{}/get-item", call_id(number)), tokens).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().expect("JSON")["_id"] == json!(call_id(number))
}

async fn count_with(client: &Client, tokens: &[&str]) -> u64 {
    let answer = read_with(client, "count", tokens).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().expect("JSON")["count"].as_u64().expect("a number")
}

#[tokio::test]
async fn what_was_acknowledged_is_there_at_once_two_hundred_times_in_a_row() {
    let folder = Folder::new();
    let key = folder.key().await;
    let server = folder.serve(&NO_LIMITS).await;
    let client = server.client().with_key(&key);
    for number in 0..200 {
        let token = publish_one(&client, number).await;
        assert!(is_there(&client, number, &[&token]).await, "call {number} was acknowledged and is not there");
    }
    let count = count_with(&client, &[]).await;
    assert_eq!(count, 200);
}

#[tokio::test]
async fn clients_that_pass_tokens_on_see_what_others_wrote_while_many_write() {
    const WRITERS: usize = 4;
    const ROUNDS: usize = 15;
    let folder = Folder::new();
    let key = folder.key().await;
    let server = folder.serve(&NO_LIMITS).await;
    let reader = server.client().with_key(&key);
    let done = AtomicBool::new(false);
    let noise = async {
        let client = server.client().with_key(&key);
        for batch in 0.. {
            if done.load(Ordering::Relaxed) {
                return;
            }
            let events: Vec<Value> = (0..50).map(|at| call(1_000_000 + batch * 50 + at)).collect();
            client.post_ok("/v1/events", &json!(events)).await;
        }
    };
    let walk = async {
        let mut seen = 0;
        for round in 0..ROUNDS {
            let numbers: Vec<usize> = (0..WRITERS).map(|writer| round * WRITERS + writer).collect();
            let clients: Vec<Client> = numbers.iter().map(|_| server.client().with_key(&key)).collect();
            let writes = clients.iter().zip(&numbers).map(|(client, number)| publish_one(client, *number));
            let tokens = futures::future::join_all(writes).await;
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            for number in &numbers {
                assert!(is_there(&reader, *number, &[&tokens.join(",")]).await, "call {number}");
            }
            // An answer's token is one too: what was counted once is never missing later.
            let counted = read_with(&reader, "count", &tokens).await;
            let token = counted.header("Llm-Log-Positions").expect("an answer has a token");
            let now = counted.json().expect("JSON")["count"].as_u64().expect("a number");
            assert!(now >= seen + WRITERS as u64, "{now} after {seen}");
            seen = count_with(&server.client().with_key(&key), &[&token]).await;
            assert!(seen >= now);
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(noise, walk);
}

#[tokio::test]
async fn a_token_of_another_project_works_and_shows_nothing_of_it() {
    let folder = Folder::new();
    let key = folder.key().await;
    let data = folder.text("data");
    let place = ["--data", &data, "--project", "bakery"];
    let other_key = make_key_of(&place).await;
    let server = folder.serve(&[]).await;
    let (client, other) = (server.client().with_key(&key), server.client().with_key(&other_key));
    let own = publish_one(&client, 1).await;
    let foreign = publish_one(&other, 2).await;
    assert_eq!(count_with(&client, &[&foreign, &own]).await, 1);
    assert!(!is_there(&client, 2, &[&foreign]).await);
    assert_eq!(count_with(&other, &[&foreign, &own]).await, 1);
    assert!(is_there(&other, 2, &[&own, &foreign]).await);
}

async fn make_key_of(place: &[&str]) -> String {
    let mut args = vec!["keys", "create", "--permission", "ReadLlmLog", "--permission", "CreateLlmLogEvent"];
    args.extend(place);
    run(&args).await.done().trim().to_owned()
}

#[tokio::test]
async fn a_token_is_good_after_the_server_was_killed_and_in_no_other_log() {
    let folder = Folder::new();
    let key = folder.key().await;
    let mut tokens = Vec::new();
    for round in 0..3 {
        let server = folder.serve(&NO_LIMITS).await;
        let client = server.client().with_key(&key);
        for number in round * 20..(round + 1) * 20 {
            tokens.push(publish_one(&client, number).await);
        }
        // Nobody has waited for the last of them to be projected.
        server.kill().expect("it is killed");
        let server = folder.serve(&[]).await;
        let client = server.client().with_key(&key);
        for (number, token) in tokens.iter().enumerate().rev() {
            assert!(is_there(&client, number, &[token]).await, "call {number} is not there after a kill");
        }
        let all = tokens.join(",");
        assert_eq!(count_with(&client, &[&all]).await, tokens.len() as u64);
        server.kill().expect("it is killed");
    }
    let elsewhere = Folder::new();
    let key = elsewhere.key().await;
    let server = elsewhere.serve(&[]).await;
    let answer = read_with(&server.client().with_key(&key), "count", &[&tokens[0]]).await;
    assert_eq!(answer.status, 412, "{}", answer.text());
    assert!(answer.text().contains("another log"), "{}", answer.text());
}

/// A token for more than the log has.
fn ahead(token: &str) -> String {
    let mut positions = Positions::parse(token).expect("a token");
    positions.partitions.values_mut().for_each(|offset| *offset += 1_000_000);
    positions.token()
}

async fn waiting_reads(client: &Client) -> f64 {
    let metrics = client.get("/metrics").await.expect("the server answers").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("llm_log_waiting_reads "));
    line.map_or(0.0, |number| number.parse().expect("a number"))
}

#[tokio::test]
async fn what_does_not_come_in_time_is_a_503_and_a_client_that_goes_away_waits_no_more() {
    let folder = Folder::new();
    let key = folder.key().await;
    let server = folder.serve(&["--consistency-timeout", "300ms"]).await;
    let client = server.client().with_key(&key);
    let token = ahead(&publish_one(&client, 1).await);
    let begun = Instant::now();
    let answer = read_with(&client, "get-list", &[&token]).await;
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1".to_owned())), "{}", answer.text());
    assert!(answer.text().contains("not read that far yet in the partitions"), "{}", answer.text());
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let answer = read_with(&client, "get-list", &["nonsense"]).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    server.terminate().await.expect("it stops");

    let server = folder.serve(&["--consistency-timeout", "10m"]).await;
    let client = server.client().with_key(&key);
    let reading = tokio::spawn({
        let (client, token) = (client.clone(), token.clone());
        async move { read_with(&client, "count", &[&token]).await }
    });
    wait_until_async("the read waits", VISIBLE, async || waiting_reads(&client).await > 0.0).await;
    assert_eq!(count(&client).await, 1, "others are answered meanwhile");
    reading.abort();
    wait_until_async("nobody waits", VISIBLE, async || waiting_reads(&client).await == 0.0).await;
}

fn new_key(id: Uuid, key: ApiKey) -> Vec<u8> {
    let grant = Grant { permission: Permission::read_llm_log(), is_block_permission: false, label_ids: Vec::new() };
    let object = KeyObject {
        project_id: ProjectId::of_name(PROJECT),
        hash: key.hash(),
        name: None,
        permissions: vec![grant],
        created_at: None,
        expires_at: None,
    };
    ReferenceRecord::of(id, ReferenceObject::Key(object)).encode().expect("a key is no deletion")
}

#[tokio::test]
async fn reference_data_just_written_are_in_force_for_a_read_that_names_their_token() {
    let folder = Folder::new();
    let writer_key = folder.key().await;
    let server = folder.serve(&[]).await;
    let (master, writer) = (server.client().with_key(MASTER_KEY), server.client().with_key(writer_key));
    for round in 0..20u128 {
        let key = ApiKey::generate();
        let (id, user) = (Uuid::from_u128(0x0001_0000 + round), Uuid::from_u128(0x0002_0000 + round));
        let name = format!("Bob the {round}th");
        let user_event = json!({"specversion": "1.0", "id": "1", "source": "test", "type": "llm-log.reference.user",
            "subject": user, "data": {"name": name, "projectIds": [ProjectId::of_name(PROJECT)]}});
        let key_event: Value = serde_json::from_slice(&new_key(id, key)).expect("JSON");
        let answer = master.post("/v1/reference", &json!([key_event, user_event])).await.expect("the server answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let token = answer.header("Llm-Log-Positions").expect("a token");
        assert_eq!(answer.json().expect("JSON")["position"], json!(token));

        let number = usize::try_from(round).expect("small");
        let mut event = call(number);
        event["userId"] = json!(user);
        let appended = writer.post_ok("/v1/events", &event).await;
        let headers = [
            ("Content-Type", "application/json"),
            ("Llm-Log-Consistent-With", &token),
            ("Llm-Log-Consistent-With", appended["position"].as_str().expect("a token")),
        ];
        let body = json!({"select": {"user": {"name": true}}}).to_string().into_bytes();
        let path = format!("/api/llm-log/{}/get-item", call_id(number));
        let reader = server.client().with_key(key.reveal());
        let item = reader.send("POST", &path, &headers, Some(body)).await.expect("the server answers");
        assert_eq!(item.json().expect("JSON")["user"]["name"], json!(name), "{}", item.text());
    }
}

#[tokio::test]
async fn a_token_travels_to_the_projector_and_is_good_after_that_was_killed() {
    let Some(installation) = Installation::new("tokens") else { return };
    let key = installation.key().await;
    let port = free_port();
    let projector = installation.projector("projector", port, "0-3");
    let (ingest, query_api) = (installation.ingest(), installation.query_api(&[port]));
    ready(&[&ingest, &projector, &query_api]).await;
    let (producer, reader) = (ingest.client().with_key(&key), query_api.client().with_key(&key));
    in_force(&reader).await;
    for number in 0..50 {
        let token = publish_one(&producer, number).await;
        assert!(is_there(&reader, number, &[&token]).await, "call {number} was acknowledged and is not there");
    }

    // A client of query-api that goes away waits at the projector no more.
    let far = ahead(&publish_one(&producer, 50).await);
    let reading = tokio::spawn({
        let (reader, far) = (reader.clone(), far.clone());
        async move { read_with(&reader, "count", &[&far]).await }
    });
    wait_until_async("the read waits", VISIBLE, async || waiting_reads(&projector.client()).await > 0.0).await;
    reading.abort();
    wait_until_async("nobody waits", VISIBLE, async || waiting_reads(&projector.client()).await == 0.0).await;
    let answer = read_with(&reader, "count", &[&far]).await;
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1".to_owned())), "{}", answer.text());
    assert!(answer.text().contains("not read that far yet in the partitions"), "{}", answer.text());

    projector.kill().expect("it is killed");
    let mut tokens = Vec::new();
    for number in 51..60 {
        tokens.push(publish_one(&producer, number).await);
    }
    let all = tokens.join(",");
    let answer = read_with(&reader, "count", &[&all]).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    let projector = installation.projector("projector", port, "0-1");
    ready(&[&projector]).await;
    wait_until_async("what nobody serves is named", VISIBLE, async || {
        let answer = read_with(&reader, "count", &[&all]).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        answer.text().contains("nobody serves the partitions 2, 3")
    })
    .await;
    projector.terminate().await.expect("it stops");
    let projector = installation.projector("projector", port, "0-3");
    ready(&[&projector, &query_api]).await;
    for (number, token) in (51..60).zip(&tokens) {
        assert!(is_there(&reader, number, &[token]).await, "call {number}");
    }
    assert_eq!(count_with(&reader, &[&all]).await, 60);
}
