//! The binary under test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Builds `llm-log` in the profile of this code and says where it is. Builds at most once a process.
///
/// # Panics
/// When it does not build.
pub fn llm_log_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build().expect("llm-log builds"))
}

fn build() -> Result<PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--package", "cli", "--bin", "llm-log", "--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let mut child = command.spawn().context("cargo does not start")?;
    let output = child.stdout.take().context("cargo has an output")?;
    let mut executable = None;
    for line in BufReader::new(output).lines() {
        let message: Value = serde_json::from_str(&line?).unwrap_or_default();
        if let Some(path) = message.get("executable").and_then(Value::as_str) {
            executable = Some(PathBuf::from(path));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("cargo ended with {status}");
    }
    executable.context("cargo named no executable")
}
