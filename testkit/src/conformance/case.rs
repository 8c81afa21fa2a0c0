//! A case: one request and what has to come back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Error, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The form of the API that answers are held to, as the server's `--compat` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the product's documentation page has it.
    Docs,
    /// As version 12 of the reference server answers.
    OneUptime,
}

impl Form {
    pub const ALL: [Self; 2] = [Self::Docs, Self::OneUptime];

    pub fn name(self) -> &'static str {
        match self {
            Self::Docs => "docs",
            Self::OneUptime => "oneuptime",
        }
    }
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "docs" => Ok(Self::Docs),
            "oneuptime" => Ok(Self::OneUptime),
            _ => bail!("expected docs or oneuptime"),
        }
    }
}

/// A request and the answers that are expected of it. `{{NAME}}` in any text stands for a placeholder of the fixtures.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    pub name: String,
    #[serde(default)]
    pub tier: Option<String>,
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Sent as JSON; null sends no body.
    #[serde(default)]
    pub body: Value,
    /// Sent as it is, instead of `body`.
    #[serde(default)]
    pub raw_body: Option<String>,
    /// Expected under either form.
    #[serde(default)]
    pub both: Option<Map<String, Value>>,
    /// Expected under `--compat oneuptime`, beside or instead of what `both` has.
    #[serde(default)]
    pub expect: Option<Map<String, Value>>,
    /// Expected under `--compat docs`, beside or instead of what `both` has.
    #[serde(default)]
    pub docs: Option<Map<String, Value>>,
}

impl Case {
    /// Reads a file of cases.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let text = fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no file of cases", path.display()))
    }

    /// What has to come back in this form; none when the case says nothing of it.
    pub fn expectation(&self, form: Form) -> Option<Map<String, Value>> {
        let own = match form {
            Form::Docs => self.docs.as_ref(),
            Form::OneUptime => self.expect.as_ref(),
        };
        if self.both.is_none() && own.is_none() {
            return None;
        }
        Some(self.both.iter().chain(own).flatten().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}
