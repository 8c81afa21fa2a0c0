//! Processes that die, hang, and die while they start.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::RngExt as _;

use super::super::episode::Episode;
use super::super::role::Moment;
use super::super::schedule;

/// Longer than a group waits for a member.
const BEYOND_SESSION: Duration = Duration::from_secs(12);

impl Episode {
    pub(super) async fn kill(&mut self) -> Result<()> {
        let at = self.any_role();
        let has_steps = self.installation.role_at(at)?.data().is_some();
        let moment = self.moment(has_steps, schedule::kill);
        self.kill_at(at, &moment).await?;
        while self.random.random_bool(0.25) {
            let moment = self.moment(has_steps, schedule::kill_at_start);
            self.kill_at(at, &moment).await?;
        }
        Ok(())
    }

    /// A moment to kill a role. One that tells no steps is killed at any.
    fn moment(&mut self, has_steps: bool, choose: impl Fn(&mut rand::rngs::StdRng) -> Moment) -> Moment {
        loop {
            let moment = choose(&mut self.random);
            if has_steps || matches!(moment, Moment::After(_)) {
                return moment;
            }
        }
    }

    /// Kills a role and starts it again.
    pub(super) async fn kill_at(&mut self, at: usize, moment: &Moment) -> Result<()> {
        self.kill_role(at, moment).await?;
        self.installation.role_at(at)?.start()
    }

    /// Kills a role and leaves it dead.
    pub(super) async fn kill_role(&mut self, at: usize, moment: &Moment) -> Result<()> {
        let role = self.installation.role_at(at)?;
        let step = role.kill(moment).await?;
        let name = role.name().to_owned();
        self.report.killed(&name, step);
        Ok(())
    }

    /// Deletes the index of a role and kills the role again while it builds another.
    pub(super) async fn rebuild(&mut self) -> Result<()> {
        let at = self.role_with_data()?;
        self.kill_role(at, &Moment::After(Duration::ZERO)).await?;
        let role = self.installation.role_at(at)?;
        fs::remove_dir_all(role.data().context("the role has data")?.join("index"))?;
        role.start()?;
        for _ in 0..self.random.random_range(0..3) {
            let moment = schedule::kill_at_start(&mut self.random);
            self.kill_at(at, &moment).await?;
        }
        Ok(())
    }

    pub(super) async fn pause(&mut self) -> Result<()> {
        let at = self.any_role();
        let beyond = self.is_on_kafka() && self.random.random_bool(0.1);
        let time = if beyond { BEYOND_SESSION } else { schedule::lasts(&mut self.random, 100, 2500) };
        self.installation.role_at(at)?.pause()?;
        tokio::time::sleep(time).await;
        self.installation.role_at(at)?.resume()
    }
}
