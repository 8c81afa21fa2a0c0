//! Requests by many clients: each as soon as its last one is answered, or all together at a set rate.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::http::{Connection, Reply};
use crate::latency::Latency;

/// How long a client that got no answer waits before it tries again.
const PAUSE: Duration = Duration::from_millis(10);

/// What is sent, and what becomes of the answers.
pub(crate) trait Traffic: Send + Sync + 'static {
    /// What is remembered of a request until its answer.
    type Sent: Send;

    fn request(&self, random: &mut StdRng) -> (Vec<u8>, Self::Sent);

    /// Looks at a successful answer.
    fn answered(&self, _sent: Self::Sent, _reply: &Reply<'_>) -> Result<()> {
        Ok(())
    }
}

impl<F: Fn(&mut StdRng) -> Vec<u8> + Send + Sync + 'static> Traffic for F {
    type Sent = ();

    fn request(&self, random: &mut StdRng) -> (Vec<u8>, ()) {
        (self(random), ())
    }
}

/// When requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rhythm {
    /// Each client sends its next one when it has its answer, at most this many in all.
    Closed { requests: u64 },
    /// So many a second, whatever the server does. A request that has to wait for a client counts its waiting; one that
    /// waits until the time is over is not sent.
    Open { per_second: f64 },
}

/// How many requests are sent, how, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) clients: usize,
    pub(crate) rhythm: Rhythm,
    pub(crate) duration: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Of answers with status 200.
    pub(crate) answered: Latency,
    /// Of answers with 429 and 503, from when they were sent: a client waits for its turn, not for the server.
    pub(crate) refused: Latency,
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub(crate) cut: u64,
    /// The first answer that was neither a success nor a refusal, or the first error.
    pub(crate) wrong: Option<String>,
    pub(crate) seconds: f64,
}

impl Tally {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn per_second(&self) -> f64 {
        self.answered.len() as f64 / self.seconds.max(f64::EPSILON)
    }

    /// Fails when anything but 200 came back.
    pub(crate) fn clean(self, what: &str) -> Result<Self> {
        match &self.wrong {
            None if self.refused.len() == 0 => Ok(self),
            None => bail!("{what}: {} of {} requests were refused", self.refused.len(), self.sent()),
            Some(wrong) => bail!("{what}: {wrong}"),
        }
    }

    pub(crate) fn sent(&self) -> u64 {
        self.statuses.values().sum::<u64>() + self.cut
    }

    fn add(&mut self, other: &Self) {
        self.answered.add(&other.answered);
        self.refused.add(&other.refused);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.cut += other.cut;
        self.wrong = self.wrong.take().or_else(|| other.wrong.clone());
    }
}

/// Sends until the time is over.
pub(crate) async fn drive<T: Traffic>(traffic: Arc<T>, address: SocketAddr, plan: Plan) -> Result<Tally> {
    Driving::start(traffic, address, plan).end().await
}

/// Requests that are being sent.
#[derive(Debug)]
pub(crate) struct Driving {
    stop: Arc<AtomicBool>,
    clients: JoinHandle<Result<Tally>>,
}

async fn clients<T: Traffic>(traffic: Arc<T>, address: SocketAddr, turns: Arc<Turns>) -> Result<Tally> {
    let mut clients = JoinSet::new();
    for _ in 0..turns.plan.clients {
        clients.spawn(client(Arc::clone(&traffic), address, Arc::clone(&turns)));
    }
    let mut tally = Tally::default();
    while let Some(client) = clients.join_next().await {
        tally.add(&client.context("a client panicked")?);
    }
    tally.seconds = turns.begun.elapsed().as_secs_f64();
    Ok(tally)
}

impl Driving {
    pub(crate) fn start<T: Traffic>(traffic: Arc<T>, address: SocketAddr, plan: Plan) -> Self {
        let turns = Turns::new(plan);
        Self { stop: Arc::clone(&turns.stop), clients: tokio::spawn(clients(traffic, address, turns)) }
    }

    /// The same on a thread of its own, so that clients of another load don't keep these waiting.
    pub(crate) fn start_apart<T: Traffic>(traffic: Arc<T>, address: SocketAddr, plan: Plan) -> Self {
        let turns = Turns::new(plan);
        let stop = Arc::clone(&turns.stop);
        let clients =
            move || Builder::new_current_thread().enable_all().build()?.block_on(clients(traffic, address, turns));
        Self { stop, clients: tokio::task::spawn_blocking(clients) }
    }

    /// Stops before the time is over.
    pub(crate) async fn stop(self) -> Result<Tally> {
        self.stop.store(true, Ordering::Relaxed);
        self.end().await
    }

    /// Waits until the time is over.
    pub(crate) async fn end(self) -> Result<Tally> {
        self.clients.await.context("the clients panicked")?
    }
}

/// Whose turn it is to send.
struct Turns {
    plan: Plan,
    begun: Instant,
    taken: AtomicU64,
    stop: Arc<AtomicBool>,
}

impl Turns {
    fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self { plan, begun: Instant::now(), taken: AtomicU64::new(0), stop: Arc::default() })
    }

    /// Waits for the next turn and says from when on its request counts.
    async fn next(&self) -> Option<Instant> {
        let turn = self.taken.fetch_add(1, Ordering::Relaxed);
        let is_over = || self.begun.elapsed() >= self.plan.duration || self.stop.load(Ordering::Relaxed);
        if is_over() {
            return None;
        }
        match self.plan.rhythm {
            Rhythm::Closed { requests } => (turn < requests).then(Instant::now),
            Rhythm::Open { per_second } => {
                #[expect(clippy::cast_precision_loss, reason = "turns of a benchmark are few")]
                let after = Duration::from_secs_f64(turn as f64 / per_second);
                if after >= self.plan.duration {
                    return None;
                }
                let due = self.begun + after;
                if due <= Instant::now() {
                    // No client was free before.
                    return Some(due);
                }
                sleep_until(due).await;
                // The timer's lateness is none of the server's.
                (!self.stop.load(Ordering::Relaxed)).then(Instant::now)
            }
        }
    }
}

async fn client<T: Traffic>(traffic: Arc<T>, address: SocketAddr, turns: Arc<Turns>) -> Tally {
    let mut connection = Connection::new(address);
    let mut random = StdRng::from_rng(&mut rand::rng());
    let mut tally = Tally::default();
    while let Some(from) = turns.next().await {
        let (request, sent) = traffic.request(&mut random);
        let begun = Instant::now();
        match connection.send(&request).await {
            Ok(reply) => {
                let took = from.elapsed();
                *tally.statuses.entry(reply.status).or_default() += 1;
                match reply.status {
                    200 => {
                        tally.answered.record(took);
                        if let Err(error) = traffic.answered(sent, &reply) {
                            tally.wrong.get_or_insert_with(|| format!("{error:#}"));
                        }
                    }
                    429 | 503 => tally.refused.record(begun.elapsed()),
                    status => {
                        let body = || String::from_utf8_lossy(reply.body.get(..300).unwrap_or(reply.body)).into_owned();
                        tally.wrong.get_or_insert_with(|| format!("{status}: {}", body()));
                    }
                }
            }
            Err(error) => {
                tally.cut += 1;
                tally.wrong.get_or_insert_with(|| format!("{error:#}"));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::get;
    use crate::limits::{Web, bare};

    fn request(_: &mut StdRng) -> Vec<u8> {
        get("/page")
    }

    #[tokio::test]
    async fn a_set_rate_is_kept_and_a_number_of_requests_too() {
        let web = Web::start(bare()).expect("a port");
        let rhythm = Rhythm::Open { per_second: 200.0 };
        let plan = Plan { clients: 4, rhythm, duration: Duration::from_millis(500) };
        // What falls due while this machine stalls at the end is not sent.
        for stalls in 0.. {
            let tally =
                drive(Arc::new(request), web.address(), plan).await.expect("no panic").clean("pages").expect("200s");
            assert!(tally.answered.len() <= 100 && stalls < 20, "{}", tally.answered.told());
            if tally.answered.len() >= 50 {
                break;
            }
        }
        let plan = Plan { clients: 2, rhythm: Rhythm::Closed { requests: 7 }, duration: Duration::from_mins(1) };
        let tally =
            drive(Arc::new(request), web.address(), plan).await.expect("no panic").clean("pages").expect("200s");
        assert_eq!((tally.answered.len(), tally.sent()), (7, 7));
    }

    #[tokio::test]
    async fn requests_that_wait_for_a_client_count_their_waiting() {
        let slow = axum::Router::new().route(
            "/page",
            axum::routing::get(async || {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }),
        );
        let web = Web::start(slow).expect("a port");
        let rhythm = Rhythm::Open { per_second: 40.0 };
        let plan = Plan { clients: 1, rhythm, duration: Duration::from_millis(500) };
        let tally = drive(Arc::new(request), web.address(), plan).await.expect("no panic");
        // Each takes 50 ms and two are due meanwhile: half of the twenty are sent, each later than the one before.
        assert!((2..=10).contains(&tally.sent()), "{}", tally.answered.told());
        assert!(tally.answered.p99_ms() > 70.0, "{}", tally.answered.told());
    }
}
