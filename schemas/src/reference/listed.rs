//! API keys as they are listed, without the keys.

use serde::{Deserialize, Serialize};

use super::ReferenceData;
use super::objects::optional_time;
use crate::access::Grant;
use crate::id::{KeyId, ProjectId};
use crate::time::{Date, Timestamp};

/// The answer of `GET /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedKeys {
    pub keys: Vec<ListedKey>,
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedKey {
    pub id: KeyId,
    pub name: Option<String>,
    pub project_id: ProjectId,
    pub project_name: Option<String>,
    pub permissions: Vec<Grant>,
    #[serde(with = "optional_time")]
    pub created_at: Option<Timestamp>,
    #[serde(with = "optional_time")]
    pub expires_at: Option<Timestamp>,
    pub revoked: bool,
}

impl ListedKey {
    /// Whether the key opens anything, in words.
    pub fn state(&self, now: Date) -> &'static str {
        if self.revoked {
            "revoked"
        } else if self.expires_at.is_some_and(|end| end.date() <= now) {
            "expired"
        } else {
            "in force"
        }
    }
}

impl ReferenceData {
    pub fn listed_keys(&self) -> ListedKeys {
        let keys = self.keys().map(|known| ListedKey {
            id: known.id,
            name: known.key.name.clone(),
            project_id: known.key.project_id,
            project_name: self.project(known.key.project_id).map(|project| project.name.clone()),
            permissions: known.key.permissions.clone(),
            created_at: known.key.created_at,
            expires_at: known.key.expires_at,
            revoked: known.revoked,
        });
        ListedKeys { keys: keys.collect() }
    }
}
