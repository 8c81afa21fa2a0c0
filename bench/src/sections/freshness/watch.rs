//! Asks again and again for the oldest call that is not visible yet, and sees from each answer's positions which ones
//! are.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use schemas::positions::Positions;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::http::{Connection, Reply, post};
use crate::latency::Latency;
use crate::live::{Acknowledged, key};

/// Time between two questions, so that asking leaves the cores to what is measured.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a call may take to be seen before the watch gives up.
const LATEST: Duration = Duration::from_mins(5);

/// How the watch looks for a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asks {
    /// By its id, in a list.
    List,
    /// By the word that only it has.
    FullText,
}

/// Measures from acknowledged to visible.
#[derive(Debug)]
pub(crate) struct Watch {
    connection: Connection,
    asks: Asks,
    /// From when on acknowledgements count.
    from: Instant,
    unseen: Vec<Acknowledged>,
    latency: Latency,
}

impl Watch {
    pub(crate) fn new(address: SocketAddr, asks: Asks, from: Instant) -> Self {
        Self { connection: Connection::new(address), asks, from, unseen: Vec::new(), latency: Latency::default() }
    }

    /// Watches until nobody tells of calls any more and all of them were seen.
    pub(crate) async fn until_all_are_seen(
        mut self,
        mut acknowledged: UnboundedReceiver<Vec<Acknowledged>>,
    ) -> Result<Latency> {
        loop {
            if self.unseen.is_empty() {
                match acknowledged.recv().await {
                    Some(calls) => self.unseen.extend(calls),
                    None => return Ok(self.latency),
                }
            }
            while let Ok(calls) = acknowledged.try_recv() {
                self.unseen.extend(calls);
            }
            self.look().await?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks for the oldest call. An answer whose positions have passed it has to show it.
    async fn look(&mut self) -> Result<()> {
        let Some(oldest) = self.unseen.first().cloned() else { return Ok(()) };
        let request = question(self.asks, &oldest);
        let reply = self.connection.send(&request).await?;
        let now = Instant::now();
        let visible = is_shown(&reply)?;
        let positions = reply.positions.as_deref().context("an answer tells its positions")?;
        let positions = Positions::parse(positions)?;
        let passed =
            |call: &Acknowledged| positions.partitions.get(&call.partition).is_some_and(|next| *next > call.offset);
        ensure!(
            visible || !passed(&oldest),
            "the answer's positions have passed a call that {:?} does not show",
            self.asks
        );
        if now - oldest.at > LATEST {
            bail!("a call was not seen {LATEST:?} after it was acknowledged");
        }
        let (latency, from) = (&mut self.latency, self.from);
        self.unseen.retain(|call| {
            let seen = passed(call);
            if seen && call.at >= from {
                latency.record(now - call.at);
            }
            !seen
        });
        Ok(())
    }
}

fn question(asks: Asks, call: &Acknowledged) -> Vec<u8> {
    let query = match asks {
        Asks::List => json!({"_id": call.stamp.id.to_string()}),
        Asks::FullText => json!({"requestPrompt": {"_type": "FullText", "value": call.stamp.token}}),
    };
    let body = json!({"query": query, "select": {"status": true}});
    post("/api/llm-log/get-list?limit=1", &key(call.project).key, body.to_string().as_bytes())
}

/// Whether the list has its one call.
pub(super) fn is_shown(reply: &Reply<'_>) -> Result<bool> {
    ensure!(reply.status == 200, "{}: {}", reply.status, String::from_utf8_lossy(reply.body));
    let list: Value = serde_json::from_slice(reply.body)?;
    Ok(list.get("count").and_then(Value::as_u64) == Some(1))
}
