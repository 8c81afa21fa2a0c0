//! A Kafka of one's own, to be killed.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, ensure};
use rand::RngExt as _;
use tempfile::TempDir;
use tokio::process::Command;

use crate::server::{free_port, give_port};

/// A Kafka that `scripts/kafka` runs in a folder that goes away with it.
#[derive(Debug)]
pub struct Broker {
    port: u16,
    proxy: u16,
    folder: TempDir,
}

impl Broker {
    /// One that runs. Whoever comes in by [`Broker::proxied_port`] is told to come by [`Broker::proxy_port`].
    pub async fn started() -> Result<Self> {
        let broker = Self::new()?;
        broker.start().await?;
        Ok(broker)
    }

    /// One that does not run yet.
    pub fn new() -> Result<Self> {
        Ok(Self { port: three_free_ports(), proxy: free_port(), folder: tempfile::tempdir()? })
    }

    /// The address for whoever needs no proxy.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where the proxy has to listen.
    pub fn proxy_port(&self) -> u16 {
        self.proxy
    }

    /// Where the proxy has to forward to.
    pub fn proxied_port(&self) -> u16 {
        self.port + 2
    }

    /// kill -9.
    pub async fn kill(&self) -> Result<()> {
        self.run("kill").await
    }

    /// Starts it, after a kill too; comes back when it answers.
    pub async fn start(&self) -> Result<()> {
        self.run("start").await
    }

    /// Lets it hang.
    pub async fn pause(&self) -> Result<()> {
        self.run("pause").await
    }

    pub async fn resume(&self) -> Result<()> {
        self.run("resume").await
    }

    /// Takes from everybody every right on a `group` or a `topic` but this one, such as `Describe`.
    pub async fn leave_only(&self, operation: &str, kind: &str, name: &str) -> Result<()> {
        self.change_rights(&["--add", "--allow-principal", "User:*", "--operation", operation], kind, name).await
    }

    /// Gives everybody every right on it again.
    pub async fn give_back(&self, kind: &str, name: &str) -> Result<()> {
        self.change_rights(&["--remove", "--force"], kind, name).await
    }

    async fn change_rights(&self, change: &[&str], kind: &str, name: &str) -> Result<()> {
        let mut tool = self.script("tool");
        tool.args(["org.apache.kafka.tools.AclCommand", "--bootstrap-server", &self.bootstrap()]);
        succeed(tool.args(change).args([&format!("--{kind}"), name])).await
    }

    async fn run(&self, what: &str) -> Result<()> {
        succeed(&mut self.command(what)).await
    }

    fn command(&self, what: &str) -> Command {
        let mut command = self.script(what);
        command.arg(self.port.to_string());
        command
    }

    fn script(&self, what: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/kafka"));
        command
            .arg(what)
            .env("KAFKA_DATA", self.folder.path().join("kafka"))
            .env("KAFKA_PROXY", self.proxy.to_string())
            .stdin(Stdio::null());
        command
    }
}

async fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output().await?;
    ensure!(output.status.success(), "{:?}: {}", command.as_std(), String::from_utf8_lossy(&output.stderr));
    Ok(())
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A broker that can't be killed stays, and says so by its port.
        let _ = self.command("kill").into_std().output();
    }
}

/// The first of three free ports that follow each other.
fn three_free_ports() -> u16 {
    loop {
        let first = rand::rng().random_range(20_000..30_000);
        let is_given = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && give_port(port);
        if (first..first + 3).all(is_given) {
            return first;
        }
    }
}
