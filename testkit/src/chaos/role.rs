//! A process that is started, killed and started again, on the same port and the same data.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::steps::{Aim, Steps};
use crate::client::Client;
use crate::server::{Server, free_port};

/// How long a kill waits for the step that it is aimed at.
const AIMED: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(5);
/// What is logged.
const LOG: &str = "info,projector::steps=debug";

#[derive(Debug)]
pub(super) struct Role {
    name: String,
    binary: PathBuf,
    args: Vec<String>,
    port: u16,
    data: Option<PathBuf>,
    steps: Steps,
    server: Option<Server>,
}

/// When a process is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Moment {
    After(Duration),
    At(Aim),
}

impl Role {
    /// A role that listens on a free port, by this flag. Not running yet.
    pub(super) fn new(binary: &Path, name: &str, command: &str, listen: &str, data: Option<PathBuf>) -> Self {
        let port = free_port();
        let mut args = vec![command.to_owned(), listen.to_owned(), format!("127.0.0.1:{port}")];
        args.extend(["--log".to_owned(), LOG.to_owned()]);
        if let Some(data) = &data {
            args.extend(["--data".to_owned(), data.display().to_string()]);
        }
        let (name, binary, steps) = (name.to_owned(), binary.to_owned(), Steps::default());
        Self { name, binary, args, port, data, steps, server: None }
    }

    /// The same role with more arguments.
    pub(super) fn with(mut self, more: &[&str]) -> Self {
        self.args.extend(more.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// The same role run by another program, which gets the binary as its last argument.
    pub(super) fn run_by(mut self, program: &Path, args: &[String]) -> Self {
        let binary = std::mem::replace(&mut self.binary, program.to_owned());
        let before = args.iter().cloned().chain([binary.display().to_string()]);
        self.args.splice(0..0, before);
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn client(&self) -> Client {
        Client::new(&self.url())
    }

    /// The folder of its data, if it has one.
    pub(super) fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let steps = self.steps.clone();
        let tell = move |pid, line: &str| steps.tell(pid, line);
        self.server = Some(Server::spawn_told(&self.binary, &self.args, self.port, tell)?);
        Ok(())
    }

    fn server(&self) -> Result<&Server> {
        self.server.as_ref().with_context(|| format!("{} does not run", self.name))
    }

    pub(super) async fn ready(&self, deadline: Duration) -> Result<()> {
        self.server()?.ready(deadline).await
    }

    pub(super) fn is_running(&self) -> bool {
        self.server.as_ref().is_some_and(Server::is_running)
    }

    /// The end of its log.
    pub(super) fn log(&self) -> String {
        self.server.as_ref().map(Server::log).unwrap_or_default()
    }

    /// kill -9; the step that it fell into, when the process said any.
    pub(super) async fn kill(&mut self, moment: &Moment) -> Result<Option<String>> {
        let server = self.server.take().with_context(|| format!("{} does not run", self.name))?;
        match moment {
            Moment::After(delay) => tokio::time::sleep(*delay).await,
            Moment::At(aim) => {
                self.steps.aim(aim.clone());
                let end = tokio::time::Instant::now() + AIMED;
                while server.is_running() && tokio::time::Instant::now() < end {
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
        tokio::task::spawn_blocking(move || server.kill()).await??;
        Ok(self.steps.end())
    }

    /// SIGTERM, and its end.
    pub(super) async fn terminate(&mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            server.terminate().await?;
        }
        self.steps.end();
        Ok(())
    }

    pub(super) fn pause(&self) -> Result<()> {
        self.server()?.pause()
    }

    pub(super) fn resume(&self) -> Result<()> {
        self.server()?.resume()
    }
}
