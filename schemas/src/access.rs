//! Who asks, and what that lets them do.

mod credentials;

pub use credentials::{API_KEY_HEADER, NoKey};

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::id::{KeyId, NotAUuid, ProjectId, is_hyphenated_uuid, parse_uuid};

/// Comes before a key's bytes when it is hashed.
const KEY_HASH_PREFIX: &[u8] = b"llm-log api key\n";

/// An API key as its holder sends it. Never stored, never logged.
#[derive(Clone, Copy)]
pub struct ApiKey(Uuid);

impl ApiKey {
    /// A new key from the operating system's random numbers.
    #[expect(clippy::disallowed_methods, reason = "the one place where keys are made")]
    pub fn generate() -> Self {
        Self(Uuid::new_v4())
    }

    pub fn hash(self) -> KeyHash {
        let mut hasher = Sha256::new();
        hasher.update(KEY_HASH_PREFIX);
        hasher.update(self.0.as_bytes());
        KeyHash(hasher.finalize().into())
    }

    /// The text to show once to the person who made it.
    pub fn reveal(self) -> String {
        self.0.as_hyphenated().to_string()
    }

    /// Compares in constant time.
    pub fn is(self, other: Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl FromStr for ApiKey {
    type Err = NotAUuid;

    /// Keys have one form at every door: a UUID with its hyphens, in any case, with or without space around it.
    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        let text = text.trim();
        if is_hyphenated_uuid(text) { parse_uuid(text).map(Self) } else { Err(NotAUuid) }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// SHA-256 of a key: what is stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl Serialize for KeyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            write!(hex, "{byte:02x}").expect("a String takes every write");
        }
        serializer.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = || serde::de::Error::custom("expected a SHA-256 of 64 hexadecimal digits");
        let text = String::deserialize(deserializer)?;
        if text.len() != 64 {
            return Err(expected());
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            let digits = text.get(at * 2..at * 2 + 2).ok_or_else(expected)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| expected())?;
        }
        Ok(Self(hash))
    }
}

impl JsonSchema for KeyHash {
    fn schema_name() -> Cow<'static, str> {
        "KeyHash".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f]{64}$" })
    }
}

/// A permission's enum name, such as `ReadLlmLog`. Any may stand on a key; those that mean nothing here
/// grant nothing. It is read from its documented name too, such as `Read LLM Log`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Permission(Box<str>);

impl From<String> for Permission {
    fn from(name: String) -> Self {
        Self::of_name(&name)
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.0.into()
    }
}

macro_rules! permissions {
    ($($constructor:ident $name:literal $title:literal;)*) => {
        impl Permission {
            $(pub fn $constructor() -> Self {
                Self($name.into())
            })*

            /// The permissions that llm-log knows: enum name and documented name.
            pub const KNOWN: &[(&str, &str)] = &[$(($name, $title)),*];
        }
    };
}

permissions! {
    project_owner "ProjectOwner" "Project Owner";
    project_admin "ProjectAdmin" "Project Admin";
    project_member "ProjectMember" "Project Member";
    viewer "Viewer" "Viewer";
    read_llm_log "ReadLlmLog" "Read LLM Log";
    read_all_project_resources "ReadAllProjectResources" "Read All Project Resources";
    create_llm_log_event "CreateLlmLogEvent" "Create LLM Log Event";
    erase_llm_log "EraseLlmLog" "Erase LLM Log";
}

impl Permission {
    /// The permission with this enum name or documented name.
    pub fn of_name(name: &str) -> Self {
        let name = name.trim();
        let known = Self::KNOWN.iter().find(|(_, title)| title.eq_ignore_ascii_case(name));
        Self(known.map_or(name, |(name, _)| name).into())
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    /// The documented name, or the enum name of a permission that means nothing here.
    pub fn title(&self) -> &str {
        let known = Self::KNOWN.iter().find(|(name, _)| *name == &*self.0);
        known.map_or(&*self.0, |(_, title)| title)
    }
}

/// A permission on a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The permission's enum name, such as `ReadLlmLog`, or its documented name, such as `Read LLM Log`.
    pub permission: Permission,
    /// Takes the permission away instead of giving it.
    #[serde(default)]
    pub is_block_permission: bool,
    /// A block with labels holds for what has these labels only, which calls never have.
    #[serde(default)]
    pub label_ids: Vec<Uuid>,
}

/// Who sent a request, once the key is known to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    Key {
        id: KeyId,
        project: ProjectId,
        grants: Vec<Grant>,
    },
    /// The holder of the master key: every permission in every project.
    Master,
}

/// Why a principal may not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// None of the permissions that would do.
    #[error("the key has none of the permissions that would do")]
    Missing,
    #[error("{} is in the key's block list", .0.name())]
    Blocked(Permission),
}

impl Principal {
    /// Whether one of these permissions is granted and none of them is blocked.
    pub fn check(&self, any_of: &[Permission]) -> Result<(), Forbidden> {
        let Self::Key { grants, .. } = self else { return Ok(()) };
        let of_these = || grants.iter().filter(|grant| any_of.contains(&grant.permission));
        if let Some(block) = of_these().find(|grant| grant.is_block_permission && grant.label_ids.is_empty()) {
            return Err(Forbidden::Blocked(block.permission.clone()));
        }
        if of_these().any(|grant| !grant.is_block_permission) { Ok(()) } else { Err(Forbidden::Missing) }
    }

    /// The calls that this principal may read, if it has one of these permissions.
    pub fn read_scope(&self, any_of: &[Permission]) -> Result<ReadScope, Forbidden> {
        self.check(any_of)?;
        Ok(match self {
            Self::Key { project, .. } => ReadScope::Project(*project),
            Self::Master => ReadScope::EveryProject,
        })
    }
}

/// The calls that a read may see. Every read needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReadScope {
    Project(ProjectId),
    /// For the master key only.
    EveryProject,
}

impl ReadScope {
    pub fn includes(self, project: ProjectId) -> bool {
        match self {
            Self::Project(own) => own == project,
            Self::EveryProject => true,
        }
    }
}
