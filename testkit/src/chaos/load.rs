//! Events all the time, and reads that are checked while things break.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use schemas::positions::Positions;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Builder;

use super::world::{Outcome, World};
use crate::client::Answer;
use crate::oracle::{CallName, Places, ShownRow, fields};

/// Who sends at the same time.
const SENDERS: u64 = 3;
/// Events of one request, at most.
const BATCH: usize = 12;
/// The longest pause between two reads.
const READS_MS: u64 = 20;
/// How long a sender or a reader waits after a refusal.
const REFUSED: Duration = Duration::from_millis(20);

/// Sends and reads until dropped.
pub(super) fn start(world: &Arc<World>, seed: u64) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for sender in 0..SENDERS {
        tasks.spawn(send(Arc::clone(world), StdRng::seed_from_u64(seed ^ sender)));
    }
    tasks.spawn(watch(Arc::clone(world), StdRng::seed_from_u64(seed)));
    tasks
}

async fn send(world: Arc<World>, mut random: StdRng) {
    loop {
        let turn = world.gate.read().await;
        let at = random.random_range(0..world.doors.len());
        let events = world.stories().next(at, BATCH, |_| true);
        let outcome = if events.is_empty() { Outcome::Acknowledged } else { world.publish(at, &events).await };
        drop(turn);
        match outcome {
            Outcome::Acknowledged => tokio::time::sleep(world.pause(&mut random)).await,
            Outcome::Refused | Outcome::Unknown => {
                // A producer that is told so sends again; one that died does not.
                if outcome == Outcome::Refused || random.random_bool(0.5) {
                    world.stories().again(at, events);
                }
                tokio::time::sleep(REFUSED).await;
            }
        }
    }
}

/// Gets calls one after the other, and checks what each answer shows against the positions that it covers.
async fn watch(world: Arc<World>, mut random: StdRng) {
    let select: Value = fields().map(|name| (name.to_owned(), json!(true))).collect();
    let body = json!({ "select": select });
    let mut furthest = Places::new();
    loop {
        let turn = world.gate.read().await;
        let at = random.random_range(0..world.readers.len());
        let from = Builder::from_random_bytes(random.random()).into_uuid().to_string();
        let project = world.readers.get(at).map(|reader| reader.project.clone()).unwrap_or_default();
        let call = world.ledger.lock().await.call_from(&CallName { project, call: from });
        if let (Some(call), Some(reader)) = (call, world.readers.get(at)) {
            let path = format!("/api/llm-log/{}/get-item", call.call);
            if let Ok(answer) = reader.client.post(&path, &body).await {
                check(&world, &call, &answer, &mut furthest).await;
            }
        }
        drop(turn);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..=READS_MS))).await;
    }
}

async fn check(world: &World, call: &CallName, answer: &Answer, furthest: &mut Places) {
    match answer.status {
        200 => {}
        503 | 504 => return,
        status => return world.complain_of(format!("get-item answers {status}: {}", answer.text())),
    }
    let token = answer.header("llm-log-positions").and_then(|token| Positions::parse(&token).ok());
    let row: Result<ShownRow, _> = serde_json::from_slice(&answer.body);
    let (Some(Positions { partitions, .. }), Ok(row)) = (token, row) else {
        return world.complain_of(format!("get-item answers what can't be read: {}", answer.text()));
    };
    for (partition, next) in &partitions {
        let before = furthest.insert(*partition, *next).unwrap_or_default();
        if *next < before {
            world.complain_of(format!("partition {partition} went back from {before} to {next}"));
        }
    }
    let shown = (!row.is_empty()).then_some(&row);
    if let Err(difference) = world.ledger.lock().await.check(call, shown, &partitions) {
        world.complain(difference);
    }
}
