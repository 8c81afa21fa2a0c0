//! Keys and secrets, read from files so that no list of processes shows them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use schemas::access::ApiKey;

/// Shortest secret that is taken, in bytes.
const SECRET_BYTES_MIN: usize = 16;

#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct MasterKeyArgs {
    /// File with the master key, a UUID: it reads every project and changes reference data. Without one, nobody can
    #[arg(long, value_name = "FILE", env = "LLM_LOG_MASTER_KEY_FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct InternalSecretArgs {
    /// File with the secret that query-api and projectors share, 16 bytes or more
    #[arg(long, value_name = "FILE", env = "LLM_LOG_INTERNAL_SECRET_FILE")]
    internal_secret_file: PathBuf,
}

/// What query-api and projectors prove to each other. Never logged.
#[derive(Clone)]
pub(crate) struct InternalSecret(String);

/// Why a file gives no key or secret. Its content is never part of the message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretFileError {
    #[error("the {what} file {path:?} can't be read")]
    Read { what: &'static str, path: PathBuf, source: io::Error },
    #[error("the master key file {path:?} does not hold a UUID")]
    NotAKey { path: PathBuf },
    #[error("the internal secret file {path:?} holds less than {SECRET_BYTES_MIN} bytes")]
    TooShort { path: PathBuf },
    #[error("the internal secret file {path:?} holds bytes that no HTTP header can carry")]
    NotText { path: PathBuf },
}

fn read(what: &'static str, path: &Path) -> Result<String, SecretFileError> {
    fs::read_to_string(path).map_err(|source| SecretFileError::Read { what, path: path.to_owned(), source })
}

impl MasterKeyArgs {
    pub(crate) fn read(&self) -> Result<Option<ApiKey>, SecretFileError> {
        let Some(path) = &self.master_key_file else { return Ok(None) };
        let key = read("master key", path)?.parse();
        key.map(Some).map_err(|_| SecretFileError::NotAKey { path: path.clone() })
    }
}

impl InternalSecretArgs {
    pub(crate) fn read(&self) -> Result<InternalSecret, SecretFileError> {
        let path = &self.internal_secret_file;
        let secret = read("internal secret", path)?.trim().to_owned();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(SecretFileError::TooShort { path: path.clone() });
        }
        if !secret.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            return Err(SecretFileError::NotText { path: path.clone() });
        }
        Ok(InternalSecret(secret))
    }
}

impl InternalSecret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secret");
        fs::write(&path, content).expect("writable");
        (folder, path)
    }

    #[test]
    fn a_key_file_that_holds_no_key_is_named_without_its_content() {
        let (_folder, path) = file("hunter2-hunter2-hunter2");
        let error = MasterKeyArgs { master_key_file: Some(path) }.read().expect_err("not a key").to_string();
        assert!(error.contains("does not hold a UUID") && !error.contains("hunter2"), "{error}");
        let absent = MasterKeyArgs { master_key_file: Some("/no/such/file".into()) };
        let error = absent.read().expect_err("absent").to_string();
        assert_eq!(error, "the master key file \"/no/such/file\" can't be read");
    }

    #[test]
    fn secrets_are_trimmed_and_neither_short_nor_unprintable() {
        let read = |content: &str| {
            let (_folder, path) = file(content);
            InternalSecretArgs { internal_secret_file: path }.read().map(|secret| secret.reveal().to_owned())
        };
        assert_eq!(read("0123456789abcdef\n").expect("good"), "0123456789abcdef");
        assert!(matches!(read("short\n"), Err(SecretFileError::TooShort { .. })));
        assert!(matches!(read("0123456789 abcdef"), Err(SecretFileError::NotText { .. })));
    }
}
