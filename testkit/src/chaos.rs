//! Breaks an installation in every way that can be brought about, while it works, and asks the oracle about it.

mod episode;
mod faults;
mod inbox;
mod installation;
mod load;
mod proxy;
mod report;
mod role;
mod schedule;
mod steps;
mod stories;
mod world;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

pub use report::{ChaosReport, FaultReport};
pub use schedule::Fault;

use crate::kafka::Broker;
use crate::small_disk::SmallDisk;
use episode::{Episode, KafkaSide};
use faults::FakeClock;
use installation::{Ground, Installation, LogPlace};
use proxy::Proxy;

/// Room for the data of one episode on a small disk.
const DISK_BYTES: usize = 192 * 1024 * 1024;
/// Faults that one installation gets; what it holds grows, and comparing it takes the longer.
const EPISODE: usize = 20;

/// Where the log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChaosLog {
    Embedded,
    /// On a Kafka that is started for the run and breaks too.
    OwnKafka,
    /// On a Kafka that others may use: nothing is done to it.
    Kafka {
        bootstrap: String,
    },
}

/// What to do.
#[derive(Clone)]
pub struct ChaosOptions {
    pub binary: PathBuf,
    pub log: ChaosLog,
    pub seed: u64,
    /// Which faults come, and how many times.
    pub faults: Vec<(Fault, usize)>,
    /// No new fault comes after this time.
    pub within: Duration,
    /// Told as the run goes on.
    pub tell: Tell,
}

/// Whoever is told how it goes.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

impl fmt::Debug for ChaosOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, seed, faults, .. } = self;
        f.debug_struct("ChaosOptions")
            .field("log", log)
            .field("seed", seed)
            .field("faults", faults)
            .finish_non_exhaustive()
    }
}

/// Runs episode after episode. After a difference there is no more of that fault, and the data are kept.
pub async fn run(options: &ChaosOptions) -> Result<ChaosReport> {
    let end = Instant::now() + options.within;
    let surroundings = Surroundings::of(&options.log).await?;
    let mut report = ChaosReport { seed: options.seed, faults: Vec::new(), skipped: Vec::new() };
    for (fault, times) in &options.faults {
        let mut of_fault = FaultReport::new(*fault);
        while of_fault.times < *times && Instant::now() < end && of_fault.differences.is_empty() {
            let ground = match surroundings.ground(*fault)? {
                Ok(ground) => ground,
                Err(reason) => {
                    report.skipped.push((*fault, reason));
                    break;
                }
            };
            // Each episode has a seed of its own, so that its schedule does not hang on those before it.
            let seed = options.seed ^ ((*fault as u64) << 32) ^ of_fault.times as u64;
            of_fault = surroundings.episode(options, ground, of_fault, *times, seed, end).await?;
        }
        if of_fault.times > 0 {
            report.faults.push(of_fault);
        }
    }
    Ok(report)
}

/// What an installation is set up in.
struct Surroundings {
    broker: Option<Arc<Broker>>,
    proxy: Option<Arc<Proxy>>,
    /// An address of Kafka that no fault comes between.
    bootstrap: Option<String>,
}

impl Surroundings {
    async fn of(log: &ChaosLog) -> Result<Self> {
        match log {
            ChaosLog::Embedded => Ok(Self { broker: None, proxy: None, bootstrap: None }),
            ChaosLog::Kafka { bootstrap } => Ok(Self { broker: None, proxy: None, bootstrap: Some(bootstrap.clone()) }),
            ChaosLog::OwnKafka => {
                let broker = Broker::started().await?;
                let proxy = Proxy::start(broker.proxy_port(), broker.proxied_port()).await?;
                let bootstrap = Some(broker.bootstrap());
                Ok(Self { broker: Some(Arc::new(broker)), proxy: Some(Arc::new(proxy)), bootstrap })
            }
        }
    }

    /// What the fault needs to be brought about, or why it can't be.
    fn ground(&self, fault: Fault) -> Result<Result<Ground, String>> {
        let missing = |reason: &str| Ok(Err(reason.to_owned()));
        let mut ground = Ground::default();
        match fault {
            Fault::BrokerKill | Fault::BrokerPause | Fault::Network | Fault::Outage if self.broker.is_none() => {
                return missing("it needs a Kafka of its own");
            }
            Fault::Rebalance if self.bootstrap.is_none() => return missing("it needs a Kafka"),
            Fault::LogDamage if self.bootstrap.is_some() => return missing("it needs an embedded log"),
            Fault::DiskFull => match SmallDisk::mount(DISK_BYTES)? {
                None => return missing("a small disk can be mounted by root only"),
                disk => ground.disk = disk,
            },
            Fault::Clock => match FakeClock::find()? {
                None => return missing("libfaketime is not installed"),
                clock => ground.clock = clock,
            },
            _ => {}
        }
        Ok(Ok(ground))
    }

    /// One installation from its first start on, broken until it has had its share or the time is over.
    async fn episode(
        &self,
        options: &ChaosOptions,
        ground: Ground,
        report: FaultReport,
        times: usize,
        seed: u64,
        end: Instant,
    ) -> Result<FaultReport> {
        let bootstrap = self.broker.as_ref().map(|broker| format!("127.0.0.1:{}", broker.proxy_port()));
        let place = match bootstrap.or_else(|| self.bootstrap.clone()) {
            Some(bootstrap) => LogPlace::Kafka { bootstrap },
            None => LogPlace::Embedded,
        };
        let installation = Installation::new(&options.binary, place, ground)?;
        let kafka = match &self.bootstrap {
            Some(bootstrap) => {
                let (broker, proxy) = (self.broker.clone(), self.proxy.clone());
                Some(KafkaSide::new(bootstrap, &installation.prefix, broker, proxy).await?)
            }
            None => None,
        };
        let random = StdRng::seed_from_u64(seed);
        let (fault, wanted) = (report.fault, times.min(report.times + EPISODE));
        let mut episode = Episode::start(installation, report, random, seed, kafka).await?;
        let outcome = episode.run(fault, wanted, end, &options.tell).await;
        match outcome {
            Ok(()) if episode.report.differences.is_empty() => Ok(episode.end().await),
            outcome => {
                let (report, kept) = episode.keep(&outcome).await;
                (options.tell)(&kept);
                outcome.map(|()| report)
            }
        }
    }
}
