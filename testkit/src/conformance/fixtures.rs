//! The data behind the cases.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What the server holds when the cases run.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fixtures {
    /// What `{{NAME}}` in a case stands for.
    pub placeholders: BTreeMap<String, String>,
    pub projects: Vec<Map<String, Value>>,
    #[serde(default)]
    pub users: Vec<Map<String, Value>>,
    #[serde(default)]
    pub llm_providers: Vec<Map<String, Value>>,
    #[serde(default)]
    pub incidents: Vec<Map<String, Value>>,
    #[serde(default)]
    pub alerts: Vec<Map<String, Value>>,
    #[serde(default)]
    pub scheduled_maintenances: Vec<Map<String, Value>>,
    #[serde(default)]
    pub api_keys: Vec<Map<String, Value>>,
    pub master_api_key: String,
    /// Calls as the API shows them. One with a `deletedAt` was erased.
    pub llm_logs: Vec<Map<String, Value>>,
}

impl Fixtures {
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no file of fixtures", path.display()))
    }

    /// The text with its placeholders resolved.
    pub fn resolve(&self, text: &str) -> String {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            resolved.push_str(before);
            let Some((name, behind)) = after.split_once("}}") else {
                resolved.push_str("{{");
                rest = after;
                continue;
            };
            match self.placeholders.get(name) {
                Some(value) => resolved.push_str(value),
                None => resolved.extend(["{{", name, "}}"]),
            }
            rest = behind;
        }
        resolved.push_str(rest);
        resolved
    }

    /// The JSON with the placeholders in all its texts resolved.
    pub fn resolve_json(&self, json: &Value) -> Value {
        match json {
            Value::String(text) => Value::String(self.resolve(text)),
            Value::Array(items) => items.iter().map(|item| self.resolve_json(item)).collect(),
            Value::Object(members) => self.resolve_members(members).into(),
            other => other.clone(),
        }
    }

    /// The object with the placeholders in all its values' texts resolved.
    pub fn resolve_members(&self, members: &Map<String, Value>) -> Map<String, Value> {
        members.iter().map(|(name, value)| (name.clone(), self.resolve_json(value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn placeholders_are_resolved_wherever_they_stand_and_unknown_ones_stay() {
        let fixtures: Fixtures = serde_json::from_value(json!({
            "placeholders": {"A": "1", "B": "2"}, "projects": [], "masterApiKey": "", "llmLogs": []
        }))
        .expect("valid fixtures");
        assert_eq!(fixtures.resolve("x{{A}}{{B}}y{{C}}{{"), "x12y{{C}}{{");
        let json = json!({"k": ["{{A}}", {"n": "{{B}}"}, 3]});
        assert_eq!(fixtures.resolve_json(&json), json!({"k": ["1", {"n": "2"}, 3]}));
    }
}
