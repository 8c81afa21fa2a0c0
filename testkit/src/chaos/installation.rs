//! The processes of one installation, with their data, keys and topics.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use super::faults::FakeClock;
use super::role::Role;
use crate::client::Client;
use crate::kafka::unique_topic_prefix;
use crate::oracle::Tenant;
use crate::small_disk::SmallDisk;
use crate::wait::wait_until_async;

const MASTER_KEY: &str = "5ec00000-0000-4000-8000-0000000000ff";
const SECRET: &str = "shared-by-query-api-and-projectors";
/// The projects, by name.
const PROJECTS: [&str; 2] = ["first", "second"];
const PARTITIONS: u32 = 4;
/// How long a role may take until it is ready.
pub(super) const READY: Duration = Duration::from_mins(2);

/// Where the log of an installation is kept.
#[derive(Debug, Clone)]
pub(super) enum LogPlace {
    Embedded,
    /// On a Kafka, reached here by the roles.
    Kafka {
        bootstrap: String,
    },
}

#[derive(Debug)]
pub(super) struct Installation {
    /// In the order in which they are started.
    pub(super) roles: Vec<Role>,
    /// Which of them takes events, and which answers.
    pub(super) ingest: usize,
    pub(super) query: usize,
    pub(super) disk: Option<SmallDisk>,
    pub(super) clock: Option<FakeClock>,
    /// What the names of its topics begin with.
    pub(super) prefix: String,
    place: LogPlace,
    binary: PathBuf,
    folder: TempDir,
}

/// What an installation stands on beside its log.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// A disk for all data, instead of a folder.
    pub(super) disk: Option<SmallDisk>,
    /// The clock that every role is shown, instead of the machine's.
    pub(super) clock: Option<FakeClock>,
}

impl Installation {
    /// Nothing of it runs yet.
    pub(super) fn new(binary: &Path, place: LogPlace, ground: Ground) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("master-key"), MASTER_KEY)?;
        fs::write(folder.path().join("secret"), SECRET)?;
        let Ground { disk, clock } = ground;
        let run_by = clock.as_ref().map(FakeClock::run_by).transpose()?;
        let mut installation = Self {
            roles: Vec::new(),
            ingest: 0,
            query: 0,
            disk,
            clock,
            prefix: unique_topic_prefix("chaos"),
            place,
            binary: binary.to_owned(),
            folder,
        };
        let roles = match &installation.place {
            LogPlace::Embedded => vec![installation.serve()],
            LogPlace::Kafka { .. } => {
                let halves = ["0-1", "2-3"];
                let mut roles = vec![installation.ingest("ingest")];
                roles.extend(halves.iter().enumerate().map(|(at, half)| installation.projector(at, half)));
                roles.push(installation.query_api(&roles));
                roles
            }
        };
        installation.query = roles.len() - 1;
        let run = |role: Role| match &run_by {
            Some((program, args)) => role.run_by(program, args),
            None => role,
        };
        installation.roles = roles.into_iter().map(run).collect();
        Ok(installation)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn data(&self, name: &str) -> PathBuf {
        self.disk.as_ref().map_or(self.folder.path(), SmallDisk::path).join(name)
    }

    fn role(&self, name: &str, command: &str, listen: &str, data: Option<PathBuf>) -> Role {
        let role = Role::new(&self.binary, name, command, listen, data);
        let partitions = PARTITIONS.to_string();
        let role = role.with(&["--master-key-file", &self.path("master-key"), "--log-partitions", &partitions]);
        match &self.place {
            LogPlace::Embedded => role,
            LogPlace::Kafka { bootstrap } => role.with(&["--kafka", bootstrap, "--topic-prefix", &self.prefix]),
        }
    }

    fn serve(&self) -> Role {
        // Calls that nobody ends stay as they were sent.
        self.role("serve", "serve", "--listen", Some(self.data("data"))).with(&["--abandon-after", "off"])
    }

    /// One more of those who take events.
    pub(super) fn ingest(&self, name: &str) -> Role {
        self.role(name, "ingest", "--listen", None)
    }

    fn projector(&self, at: usize, partitions: &str) -> Role {
        let name = format!("projector-{at}");
        let role = self.role(&name, "projector", "--internal-listen", Some(self.data(&name)));
        role.with(&["--partitions", partitions, "--internal-secret-file", &self.path("secret")])
    }

    fn query_api(&self, roles: &[Role]) -> Role {
        let projectors = roles.iter().filter(|role| role.data().is_some());
        projectors.fold(
            self.role("query-api", "query-api", "--listen", None)
                .with(&["--internal-secret-file", &self.path("secret")]),
            |role, projector| role.with(&["--projector", &projector.url()]),
        )
    }

    /// Starts every role and waits until all are ready.
    pub(super) async fn start(&mut self) -> Result<()> {
        self.roles.iter_mut().try_for_each(Role::start)?;
        self.ready().await
    }

    pub(super) async fn ready(&self) -> Result<()> {
        for role in &self.roles {
            role.ready(READY).await?;
        }
        Ok(())
    }

    pub(super) fn role_at(&mut self, at: usize) -> Result<&mut Role> {
        self.roles.get_mut(at).context("the schedule names a role of the installation")
    }

    fn client(&self, at: usize) -> Result<Client> {
        Ok(self.roles.get(at).context("the installation has this role")?.client())
    }

    pub(super) fn place(&self) -> &LogPlace {
        &self.place
    }

    /// Makes the projects with a key each: who sends to them, and who reads of them. The same keys, at two doors.
    pub(super) async fn tenants(&self) -> Result<(Vec<Tenant>, Vec<Tenant>)> {
        let (ingest, query) = (self.client(self.ingest)?, self.client(self.query)?);
        let (mut doors, mut readers) = (Vec::new(), Vec::new());
        for name in PROJECTS {
            let key = self.key(name, ingest.url()).await?;
            let project = schemas::id::ProjectId::of_name(name).to_string();
            let (door, reader) = (ingest.with_key(&key), query.with_key(&key));
            wait_until_async("the key is in force", READY, async || {
                // What is refused for its content was let in.
                let door = door.post("/v1/events", &json!([{}])).await;
                let reader = reader.post("/api/llm-log/count", &json!({})).await;
                door.is_ok_and(|answer| answer.status == 422) && reader.is_ok_and(|answer| answer.status == 200)
            })
            .await;
            doors.push(Tenant { project: project.clone(), client: door });
            readers.push(Tenant { project, client: reader });
        }
        Ok((doors, readers))
    }

    async fn key(&self, project: &str, url: &str) -> Result<String> {
        let mut args = vec!["keys", "create", "--url", url, "--project", project];
        let permissions = ["ReadLlmLog", "CreateLlmLogEvent", "EraseLlmLog"];
        args.extend(permissions.iter().flat_map(|permission| ["--permission", permission]));
        let key = self.run(&args).await?;
        ensure!(key.ended_well, "no key: {}", key.told);
        Ok(key.told.trim().to_owned())
    }

    /// What `verify` says of each index: the lines of those that it is not content with.
    pub(super) async fn verify(&self) -> Result<Vec<String>> {
        let mut bad = Vec::new();
        for role in self.roles.iter().filter(|role| role.data().is_some()) {
            let Ended { ended_well, told } = self.run(&["verify", "--url", &role.url()]).await?;
            if !ended_well || told.lines().count() != 1 {
                bad.push(format!("verify says of {}: {told}", role.name()));
            }
        }
        Ok(bad)
    }

    async fn run(&self, args: &[&str]) -> Result<Ended> {
        let output = Command::new(&self.binary)
            .args(args)
            .args(["--master-key-file", &self.path("master-key")])
            .stdin(Stdio::null())
            .output()
            .await?;
        let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Ok(Ended { ended_well: output.status.success(), told })
    }

    /// The ends of the logs of all roles.
    pub(super) fn logs(&self) -> String {
        let logs: Vec<String> =
            self.roles.iter().map(|role| format!("--- {}\n{}\n", role.name(), role.log())).collect();
        logs.concat()
    }

    /// Leaves the data where they are, to be looked at.
    pub(super) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// A command at its end.
struct Ended {
    ended_well: bool,
    told: String,
}
