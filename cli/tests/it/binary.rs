//! The binary under test, as a server and as a command.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Client, Server};
use tokio::process::Command;

/// The master key of every server that a test gives one.
pub(crate) const MASTER_KEY: &str = "5ec00000-0000-4000-8000-0000000000ff";
/// The project of every key that a test makes.
pub(crate) const PROJECT: &str = "shop";

pub(crate) fn llm_log() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_llm-log"))
}

/// A folder that goes away at the end of the test, with a name for a data folder and files of secrets in it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        folder.file("master-key", MASTER_KEY);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text, for arguments.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).expect("writable");
        self.text(name)
    }

    /// Everything in one process, with a master key, ready.
    pub(crate) async fn serve(&self, more: &[&str]) -> Server {
        let master_key = self.text("master-key");
        let args: Vec<&str> = ["--master-key-file", &master_key].iter().chain(more).copied().collect();
        Server::serve(llm_log(), &self.data(), &args).await.expect("the server is ready")
    }

    /// A new key of the project, made while no server runs.
    pub(crate) async fn key(&self) -> String {
        self.key_for(&["ReadLlmLog", "CreateLlmLogEvent"]).await
    }

    pub(crate) async fn key_for(&self, permissions: &[&str]) -> String {
        make_key(&["--data", &self.text("data")], permissions).await
    }

    pub(crate) async fn verify(&self) -> Ended {
        run(&["verify", "--data", &self.text("data")]).await
    }
}

/// A new key of the project, made in this place.
pub(crate) async fn make_key(place: &[&str], permissions: &[&str]) -> String {
    let mut args = vec!["keys", "create", "--project", PROJECT];
    args.extend(place);
    args.extend(permissions.iter().flat_map(|permission| ["--permission", permission]));
    run(&args).await.done().trim().to_owned()
}

/// A command that came to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status; none when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command of llm-log that is not running yet. Killed when the test ends before it.
pub(crate) fn command<A: AsRef<OsStr>>(args: &[A]) -> Command {
    let mut command = Command::new(llm_log());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a command of llm-log to its end.
pub(crate) async fn run<A: AsRef<OsStr>>(args: &[A]) -> Ended {
    ended(command(args).output().await.expect("the binary starts"))
}

pub(crate) fn ended(output: std::process::Output) -> Ended {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("llm-log writes UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ended {
    /// What it printed, if it did its work.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// What it printed, if it ended with this status.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// The one line that says why it failed.
    #[track_caller]
    pub(crate) fn reason(self) -> String {
        let Self { stdout, stderr, .. } = self.failed(1);
        assert_eq!((stdout.as_str(), stderr.lines().count()), ("", 1), "{stderr}");
        stderr
    }
}

pub(crate) fn import_args(server: &str, key: &str, file: &str) -> Vec<String> {
    ["import", "--url", server, "--key", key, file].map(str::to_owned).to_vec()
}

/// How many calls a key sees.
pub(crate) async fn count(client: &Client) -> u64 {
    let answer = client.post_ok("/api/llm-log/count", &json!({})).await;
    answer.get("count").and_then(Value::as_u64).expect("a count is a number")
}
