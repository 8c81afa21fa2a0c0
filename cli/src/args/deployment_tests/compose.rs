//! `docker-compose.yml`, as far as it is used here: what is not known here is an error.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_yaml_ng::Value;

use super::{Variables, read};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Compose {
    #[serde(rename = "name")]
    _name: String,
    pub(super) services: BTreeMap<String, Service>,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) volumes: BTreeMap<String, Option<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) image: Option<String>,
    pub(super) build: Option<String>,
    #[serde(rename = "restart")]
    _restart: String,
    #[serde(default)]
    pub(super) command: Vec<String>,
    #[serde(default)]
    pub(super) environment: Variables,
    #[serde(default)]
    pub(super) ports: Vec<String>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    pub(super) secrets: Vec<String>,
    #[serde(default)]
    pub(super) depends_on: BTreeMap<String, Dependency>,
    pub(super) healthcheck: HealthCheck,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dependency {
    #[serde(rename = "condition")]
    _condition: Condition,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Condition {
    ServiceStarted,
    ServiceHealthy,
}

#[derive(Debug, Deserialize)]
pub(super) struct HealthCheck {
    #[serde(default)]
    pub(super) test: Vec<String>,
    /// Whether the image's own check is left out.
    #[serde(default)]
    pub(super) disable: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    pub(super) file: String,
}

impl Compose {
    pub(super) fn read() -> Self {
        serde_yaml_ng::from_str(&read("docker-compose.yml")).expect("the composition is as known here")
    }
}

impl Service {
    pub(super) fn variables(&self) -> Variables {
        let ours = self.environment.iter().filter(|(name, _)| name.starts_with("LLM_LOG_"));
        ours.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The volumes with the folders that they are seen at.
    pub(super) fn mounts(&self) -> Vec<(String, PathBuf)> {
        let parts = self.volumes.iter().map(|volume| volume.split_once(':').expect("VOLUME:FOLDER"));
        parts.map(|(volume, folder)| (volume.to_owned(), folder.into())).collect()
    }
}
