//! The faults, each brought about once.

mod broker;
mod clock;
mod data;
mod log;
mod process;

use anyhow::{Context as _, Result};
use rand::RngExt as _;

pub(super) use clock::FakeClock;

use super::episode::Episode;
use super::schedule::Fault;

impl Episode {
    /// Brings the fault about, ends it, and waits until everything works again.
    pub(super) async fn break_by(&mut self, fault: Fault) -> Result<()> {
        self.report.times += 1;
        match fault {
            Fault::Kill => self.kill().await?,
            Fault::Rebuild => self.rebuild().await?,
            Fault::Pause => self.pause().await?,
            Fault::Damage => self.damage().await?,
            // Nothing works after that.
            Fault::LogDamage => return self.damage_log().await,
            Fault::DiskFull => self.fill_disk().await?,
            Fault::Clock => self.jump().await?,
            Fault::BrokerKill => self.kill_broker().await?,
            Fault::BrokerPause => self.pause_broker().await?,
            Fault::Network => self.break_network().await?,
            Fault::Outage => self.cut_off().await?,
            Fault::Rebalance => self.rebalance().await?,
        }
        self.recover().await
    }

    /// Any of the roles.
    fn any_role(&mut self) -> usize {
        self.random.random_range(0..self.installation.roles.len())
    }

    /// Any of the roles that have data.
    fn role_with_data(&mut self) -> Result<usize> {
        let roles = self.installation.roles.iter().enumerate();
        let with_data: Vec<usize> = roles.filter(|(_, role)| role.data().is_some()).map(|(at, _)| at).collect();
        let chosen = self.random.random_range(0..with_data.len());
        with_data.get(chosen).copied().context("some role has data")
    }
}
