//! One installation under one kind of fault, from its first start to the last comparison.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rand::rngs::StdRng;
use schemas::positions::Positions;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Tell;
use super::inbox::Inbox;
use super::installation::{Installation, LogPlace};
use super::load;
use super::proxy::Proxy;
use super::report::FaultReport;
use super::role::Moment;
use super::schedule::{self, Fault};
use super::stories::Stories;
use super::world::{Outcome, World};
use crate::kafka::Broker;
use crate::oracle::{Difference, DifferenceKind, Event, LedgerCounts, Places, compare};

/// How long everything may take until it works again.
const RECOVERY: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(10);
/// Calls that are sent to see whether everything works: enough for every partition.
const PROBES: usize = 8;
/// How long what is acknowledged may take to be seen when nothing breaks.
const SETTLED: Duration = Duration::from_mins(2);
const AGAIN: Duration = Duration::from_millis(500);
/// Kills of everything while it starts for the first time, with nothing there yet.
const FIRST_STARTS: usize = 2;
/// Faults between two comparisons.
const COMPARE_EVERY: usize = 5;

#[derive(Debug)]
pub(super) struct Episode {
    pub(super) installation: Installation,
    pub(super) world: Arc<World>,
    pub(super) random: StdRng,
    pub(super) report: FaultReport,
    pub(super) kafka: Option<KafkaSide>,
    /// The events of the episodes before.
    before: LedgerCounts,
    tasks: JoinSet<()>,
}

/// What an installation on Kafka stands on.
#[derive(Debug)]
pub(super) struct KafkaSide {
    pub(super) broker: Option<Arc<Broker>>,
    pub(super) proxy: Option<Arc<Proxy>>,
    inbox: Arc<Inbox>,
}

impl KafkaSide {
    /// `bootstrap` is an address that no fault comes between.
    pub(super) async fn new(
        bootstrap: &str,
        prefix: &str,
        broker: Option<Arc<Broker>>,
        proxy: Option<Arc<Proxy>>,
    ) -> Result<Self> {
        Ok(Self { broker, proxy, inbox: Inbox::new(bootstrap, prefix).await? })
    }
}

impl Episode {
    /// Starts everything, and sends and reads from then on.
    pub(super) async fn start(
        mut installation: Installation,
        mut report: FaultReport,
        mut random: StdRng,
        seed: u64,
        kafka: Option<KafkaSide>,
    ) -> Result<Self> {
        if report.fault == Fault::Kill {
            for _ in 0..FIRST_STARTS {
                kill_while_new(&mut installation, &mut report, &mut random).await?;
            }
        }
        installation.start().await?;
        let (doors, readers) = installation.tenants().await?;
        let projects: Vec<String> = doors.iter().map(|door| door.project.clone()).collect();
        let world = Arc::new(World::new(Stories::new(seed, &projects), doors, readers));
        let mut tasks = load::start(&world, seed);
        if let Some(kafka) = &kafka {
            kafka.inbox.start(&world, seed, &mut tasks);
        }
        let before = report.events;
        Ok(Self { installation, world, random, report, kafka, before, tasks })
    }

    /// Breaks it by one kind of fault so many times in all, or until the time is over, and compares now and then.
    pub(super) async fn run(&mut self, fault: Fault, times: usize, end: Instant, tell: &Tell) -> Result<()> {
        // It has to work before it is broken.
        self.recover().await?;
        self.report.recoveries.pop();
        self.report.inbox_recoveries.pop();
        while self.report.times < times && Instant::now() < end {
            self.break_by(fault).await?;
            if fault == Fault::LogDamage {
                tell(self.report.done.last().map_or("", String::as_str));
                return Ok(());
            }
            let is_last = self.report.times == times || Instant::now() >= end;
            if is_last || self.report.times.is_multiple_of(COMPARE_EVERY) {
                let start = Instant::now();
                self.compare().await?;
                let took = start.elapsed();
                let FaultReport { times, events, differences, .. } = &self.report;
                let acknowledged = events.acknowledged;
                let told = format!("{fault}: {times} times, {acknowledged} events, {} differences", differences.len());
                tell(&format!("{told}, compared in {:.1} s", took.as_secs_f64()));
                if !differences.is_empty() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits until what is sent is taken and seen again, with all that was acknowledged before; how long that took.
    pub(super) async fn recover(&mut self) -> Result<()> {
        let start = Instant::now();
        let acknowledged = self.world.ledger.lock().await.acknowledged_positions();
        let probes = self.probes(PROBES);
        while self.world.publish(0, &probes).await != Outcome::Acknowledged {
            self.in_time(start, "events are not taken").await?;
        }
        self.see(&probes, &acknowledged, start).await?;
        self.report.recoveries.push(start.elapsed());
        if let Some(inbox) = self.kafka.as_ref().map(|kafka| Arc::clone(&kafka.inbox)) {
            let probes = self.probes(PROBES);
            while !inbox.send_round(&self.world, &probes).await {
                self.in_time(start, "the inbox does not take events").await?;
            }
            self.see(&probes, &acknowledged, start).await?;
            self.report.inbox_recoveries.push(start.elapsed());
        }
        Ok(())
    }

    fn probes(&self, count: usize) -> Vec<Arc<Event>> {
        (0..count).map(|_| self.world.stories().probe(0)).collect()
    }

    /// Waits until these calls are shown, and what was acknowledged before.
    async fn see(&self, probes: &[Arc<Event>], acknowledged: &Places, start: Instant) -> Result<()> {
        // Two of them may be of one call.
        let ids: BTreeSet<&str> = probes.iter().map(|probe| probe.call.call.as_str()).collect();
        let query = json!({"query": {"_id": {"_type": "Includes", "value": ids}}});
        while self.count(&query, acknowledged).await != Some(ids.len()) {
            self.in_time(start, "what is taken is not seen").await?;
        }
        Ok(())
    }

    async fn in_time(&self, start: Instant, what: &str) -> Result<()> {
        ensure!(start.elapsed() < RECOVERY, "{what} within {RECOVERY:?}");
        if let Some(role) = self.installation.roles.iter().find(|role| !role.is_running()) {
            bail!("{} has ended: {what}", role.name());
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }

    /// The count of a query, once an answer reaches these positions.
    async fn count(&self, query: &Value, positions: &Places) -> Option<usize> {
        let answer = self.world.readers.first()?.client.post("/api/llm-log/count", query).await.ok()?;
        let Positions { partitions, .. } = Positions::parse(&answer.header("llm-log-positions")?).ok()?;
        let reached = |(partition, next): (&u32, &u64)| partitions.get(partition).is_some_and(|at| at >= next);
        let count = answer.json().ok()?.get("count")?.as_u64()?;
        positions.iter().all(reached).then(|| usize::try_from(count).ok()).flatten()
    }

    /// Waits until everything that was acknowledged with its place is seen.
    pub(super) async fn settle(&self) -> Result<()> {
        let positions = self.world.ledger.lock().await.acknowledged_positions();
        let start = Instant::now();
        while self.count(&json!({}), &positions).await.is_none() {
            self.in_time(start, "what is acknowledged is not seen").await?;
        }
        Ok(())
    }

    /// Lets everything come to rest and compares every answer, and index and log.
    async fn compare(&mut self) -> Result<()> {
        self.compare_answers().await?;
        for text in self.installation.verify().await? {
            self.report.differences.push(Difference { kind: DifferenceKind::Wrong, text });
        }
        Ok(())
    }

    /// Lets everything come to rest and compares every answer.
    pub(super) async fn compare_answers(&mut self) -> Result<()> {
        let _quiet = self.world.gate.write().await;
        self.settle().await?;
        let start = Instant::now();
        let mut ledger = self.world.ledger.lock().await;
        let differences = loop {
            let mut differences = compare(&mut ledger, &self.world.readers).await?;
            if let Some(kafka) = &self.kafka {
                let letters = kafka.inbox.differences().await?;
                differences.extend(letters.into_iter().map(|text| Difference { kind: DifferenceKind::Lost, text }));
            }
            // What the inbox has taken is on its way for as long as it takes.
            let is_underway = differences.iter().any(|difference| difference.kind == DifferenceKind::Lost);
            if self.kafka.is_none() || !is_underway || start.elapsed() > SETTLED {
                break differences;
            }
            tokio::time::sleep(AGAIN).await;
        };
        self.report.differences.extend(differences);
        self.report.differences.extend(self.world.complaints());
        self.report.comparisons += 1;
        self.report.events = self.before.and(ledger.counts());
        Ok(())
    }

    /// Whether the log is on a Kafka.
    pub(super) fn is_on_kafka(&self) -> bool {
        matches!(self.installation.place(), LogPlace::Kafka { .. })
    }

    /// Stops sending; the processes are killed when they are dropped.
    pub(super) async fn end(mut self) -> FaultReport {
        self.tasks.shutdown().await;
        self.report
    }

    /// Stops sending and leaves everything to be looked at; says what is wrong first, then what was done before, and
    /// where the data are.
    pub(super) async fn keep(mut self, outcome: &Result<()>) -> (FaultReport, String) {
        self.tasks.shutdown().await;
        let FaultReport { fault, differences, done, .. } = &self.report;
        let wrong = outcome.as_ref().err().map(|error| format!("{error:#}"));
        let wrong = wrong.into_iter().chain(differences.iter().map(ToString::to_string));
        let mut lines: Vec<String> = wrong.map(|text| format!("{fault}: {text}")).collect();
        lines.extend(done.iter().cloned());
        lines.push(self.installation.logs());
        lines.push(format!("data are kept in {}", self.installation.keep().display()));
        (self.report, lines.join("\n"))
    }
}

/// Starts all roles where there is nothing yet, and kills them soon.
async fn kill_while_new(installation: &mut Installation, report: &mut FaultReport, random: &mut StdRng) -> Result<()> {
    for role in &mut installation.roles {
        role.start()?;
    }
    tokio::time::sleep(schedule::lasts(random, 0, 200)).await;
    for role in &mut installation.roles {
        let step = role.kill(&Moment::After(Duration::ZERO)).await?;
        report.killed(role.name(), step);
    }
    Ok(())
}
