//! A Kafka to measure with: the one that was named, or one of this run.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use tempfile::TempDir;
use testkit::free_port;

use crate::output::progress;

/// A broker. One of this run ends, and its data go, when this is dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) bootstrap: String,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    port: u16,
    folder: TempDir,
}

impl Broker {
    /// The broker; why there is none when this machine can't run one.
    pub(crate) fn open(bootstrap: Option<&str>) -> Result<std::result::Result<Self, String>> {
        if let Some(bootstrap) = bootstrap {
            return Ok(Ok(Self { bootstrap: bootstrap.to_owned(), own: None }));
        }
        for (program, argument) in [("java", "-version"), ("mvn", "-version")] {
            let found = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !found.is_ok_and(|status| status.success()) {
                return Ok(Err(format!("there is no broker: --kafka names none, and {program} is not installed")));
            }
        }
        progress("starting Kafka");
        let own = Own { port: two_free_ports(), folder: tempfile::tempdir()? };
        let mut broker = Self { bootstrap: String::new(), own: Some(own) };
        broker.bootstrap = broker.script("start")?;
        Ok(Ok(broker))
    }

    /// Runs `scripts/kafka` and gives what it prints.
    fn script(&self, command: &str) -> Result<String> {
        let own = self.own.as_ref().context("another's broker is left alone")?;
        let output = Command::new(script())
            .args([command, &own.port.to_string()])
            .env("KAFKA_DATA", own.folder.path().join("kafka"))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("{} does not start", script().display()))?;
        if !output.status.success() {
            bail!("scripts/kafka {command} ended with {}", output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.own.is_some()
            && let Err(error) = self.script("wipe")
        {
            progress(&format!("Kafka is left running: {error:#}"));
        }
    }
}

fn script() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/kafka")).to_owned()
}

/// Kafka takes a port and the one after it.
fn two_free_ports() -> u16 {
    loop {
        let port = free_port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

/// Deletes the topics of a log that nobody needs any more.
pub(crate) async fn delete_topics(bootstrap: &str, prefix: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
    let names = ["calls", "reference", "dead-letters", "inbox"].map(|name| format!("{prefix}.{name}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    admin.delete_topics(&names, &AdminOptions::new()).await?;
    Ok(())
}
