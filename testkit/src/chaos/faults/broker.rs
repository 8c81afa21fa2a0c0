//! Brokers that die or hang, networks that break, and members of the inbox's group that come and go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::RngExt as _;

use super::super::episode::Episode;
use super::super::proxy::{Network, Proxy};
use super::super::role::{Moment, Role};
use super::super::schedule;
use crate::kafka::Broker;

/// Ingest processes beside the one that stays, at most.
const MEMBERS: usize = 3;

impl Episode {
    fn broker(&self) -> Result<Arc<Broker>> {
        let broker = self.kafka.as_ref().and_then(|kafka| kafka.broker.clone());
        broker.context("the broker is one of ours")
    }

    pub(super) async fn kill_broker(&mut self) -> Result<()> {
        let broker = self.broker()?;
        tokio::time::sleep(schedule::lasts(&mut self.random, 0, 500)).await;
        broker.kill().await?;
        tokio::time::sleep(schedule::lasts(&mut self.random, 0, 2000)).await;
        broker.start().await
    }

    pub(super) async fn pause_broker(&mut self) -> Result<()> {
        let broker = self.broker()?;
        broker.pause().await?;
        tokio::time::sleep(schedule::lasts(&mut self.random, 500, 8000)).await;
        broker.resume().await
    }

    fn proxy(&self) -> Result<Arc<Proxy>> {
        self.kafka.as_ref().and_then(|kafka| kafka.proxy.clone()).context("there is a proxy")
    }

    pub(super) async fn cut_off(&mut self) -> Result<()> {
        let proxy = self.proxy()?;
        proxy.set(if self.random.random_bool(0.5) { Network::Stuck } else { Network::Cut });
        tokio::time::sleep(schedule::lasts(&mut self.random, 32_000, 45_000)).await;
        proxy.set(Network::Whole);
        Ok(())
    }

    pub(super) async fn break_network(&mut self) -> Result<()> {
        let proxy = self.proxy()?;
        let network = match self.random.random_range(0..4) {
            0 => Network::Slow(schedule::lasts(&mut self.random, 20, 300)),
            1 => Network::Stuck,
            2 => Network::Cut,
            _ => Network::Torn { one_of: self.random.random_range(3..30) },
        };
        self.report.done.push(format!("the network is {network:?}"));
        proxy.set(network);
        tokio::time::sleep(schedule::lasts(&mut self.random, 300, 6000)).await;
        // Whoever dies meanwhile leaves requests behind that nobody waits for, and starts without a broker.
        if self.random.random_bool(0.5) {
            let at = self.any_role();
            self.kill_at(at, &Moment::After(Duration::ZERO)).await?;
            tokio::time::sleep(schedule::lasts(&mut self.random, 0, 1500)).await;
        }
        proxy.set(Network::Whole);
        Ok(())
    }

    /// Processes that take from the inbox come and go for a while, in good order or not.
    pub(super) async fn rebalance(&mut self) -> Result<()> {
        let end = Instant::now() + schedule::lasts(&mut self.random, 4000, 8000);
        let mut members: Vec<Role> = Vec::new();
        for number in 0.. {
            if Instant::now() > end {
                break;
            }
            if members.len() < MEMBERS && (members.is_empty() || self.random.random_bool(0.5)) {
                let mut member = self.installation.ingest(&format!("member-{number}"));
                member.start()?;
                members.push(member);
            } else {
                let leaving = self.random.random_range(0..members.len());
                let mut member = members.swap_remove(leaving);
                if self.random.random_bool(0.5) {
                    member.terminate().await?;
                } else {
                    let step = member.kill(&Moment::After(Duration::ZERO)).await?;
                    self.report.killed(member.name(), step);
                }
            }
            tokio::time::sleep(schedule::lasts(&mut self.random, 300, 2000)).await;
        }
        for mut member in members {
            member.terminate().await?;
        }
        Ok(())
    }
}
