//! `loadgen`: made-up calls at a set rate.

mod calls;
mod past;
mod report;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use schemas::time::Clock;
use serde::de::IgnoredAny;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::args::LoadgenArgs;
use crate::client::{Client, json_array};
use crate::{Outcome, output, shutdown};
use calls::{Call, Calls};
use past::{Annotation, Past};
use report::Report;

/// Requests that are under way at once. Those above wait, and their waiting counts.
const REQUESTS: usize = 512;

pub(crate) async fn loadgen(args: LoadgenArgs) -> anyhow::Result<Outcome> {
    let mut calls = match args.file {
        Some(path) => {
            let name = path.display().to_string();
            let read = tokio::task::spawn_blocking(move || Calls::of_file(&path)).await?;
            read.with_context(|| format!("{name} can't be used"))?
        }
        None => Calls::of_samples(),
    };
    let mut random = match args.seed {
        Some(seed) => StdRng::seed_from_u64(seed),
        None => StdRng::from_rng(&mut rand::rng()),
    };
    let sender = Arc::new(Sender {
        client: Client::new(&args.server.url, args.server.key)?,
        requests: Semaphore::new(REQUESTS),
        report: Report::default(),
        clock: Clock::system(),
    });
    let stopping = shutdown::on_signal()?;
    let mut past = Past::new(args.annotate);
    let total = args.count.unwrap_or_else(|| calls_in(args.rate, args.duration));
    let started = Instant::now();
    let mut sending = JoinSet::new();
    let mut sent = 0;
    while sent < total {
        let due = started + time_of(sent, args.rate);
        if stopping.run_until_cancelled(sleep_until(due)).await.is_none() {
            break;
        }
        let size = u64::from(args.batch).min(total - sent);
        let batch: Vec<Call> = (0..size).map(|_| calls.next(&mut random)).collect();
        let late: Vec<Annotation> = batch.iter().filter_map(|call| past.publish(call.id(), &mut random)).collect();
        sent += size;
        let (sender, twice) = (Arc::clone(&sender), args.started_completed);
        sending.spawn(async move {
            if twice { sender.start_and_end(batch, &late, due).await } else { sender.record(&batch, &late, due).await }
        });
        while sending.try_join_next().is_some() {}
    }
    while sending.join_next().await.is_some() {}
    output::line(&sender.report.tell(started.elapsed()));
    Ok(if sender.report.has_failures() { Outcome::Bad } else { Outcome::Done })
}

/// How many calls a rate makes of a duration; one at least.
fn calls_in(rate: u32, duration: Duration) -> u64 {
    let calls = u128::from(rate) * duration.as_millis() / 1000;
    u64::try_from(calls).unwrap_or(u64::MAX).max(1)
}

/// When the call with this number is due, from the start.
fn time_of(call: u64, rate: u32) -> Duration {
    let nanos = u128::from(call) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Sends events and keeps the books.
struct Sender {
    client: Client,
    requests: Semaphore,
    report: Report,
    clock: Clock,
}

impl Sender {
    /// The annotations of other calls go into the same request.
    async fn record(&self, calls: &[Call], late: &[Annotation], due: Instant) {
        let now = self.clock.now();
        let events = calls.iter().map(|call| call.recorded(now)).chain(late.iter().map(|late| late.event(now)));
        self.send(events.collect(), due).await;
    }

    /// The calls of a batch end together, when the longest of them does.
    async fn start_and_end(&self, calls: Vec<Call>, late: &[Annotation], due: Instant) {
        let started = self.clock.now();
        let events = calls.iter().map(|call| call.started(started)).chain(late.iter().map(|late| late.event(started)));
        self.send(events.collect(), due).await;
        let end = due + calls.iter().map(Call::duration).max().unwrap_or_default();
        sleep_until(end).await;
        let ended = self.clock.now();
        self.send(calls.iter().map(|call| call.ended(started, ended)).collect(), end).await;
    }

    async fn send(&self, events: Vec<Vec<u8>>, due: Instant) {
        let events: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
        // Nobody closes the semaphore.
        let _turn = self.requests.acquire().await;
        match self.client.post::<IgnoredAny>("v1/events", json_array(&events)).await {
            Ok(_) => self.report.acknowledged(events.len(), due.elapsed()),
            Err(error) => self.report.failed(events.len(), error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_due_at_the_rate() {
        assert_eq!(calls_in(100, Duration::from_secs(10)), 1000);
        assert_eq!(calls_in(1, Duration::from_millis(10)), 1);
        assert_eq!(time_of(0, 1000), Duration::ZERO);
        assert_eq!(time_of(2500, 1000), Duration::from_millis(2500));
        assert_eq!(time_of(1, 3), Duration::from_nanos(333_333_333));
    }
}
