//! Identity: who a call is and where it lives.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

/// A text that is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a UUID such as \"550e8400-e29b-41d4-a716-446655440000\"")]
pub struct NotAUuid;

/// Reads a UUID in any case, with or without braces and hyphens.
pub fn parse_uuid(text: &str) -> Result<Uuid, NotAUuid> {
    Uuid::try_parse(text.trim()).map_err(|_| NotAUuid)
}

/// Whether this is a UUID as it is written: 32 hexadecimal digits of any case, with hyphens.
pub fn is_hyphenated_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAUuid;

            fn from_str(text: &str) -> Result<Self, NotAUuid> {
                parse_uuid(text).map(Self)
            }
        }
    };
}

id_type! {
    /// A project: the tenant. Every call, key and relation belongs to one.
    ProjectId
}
id_type! {
    /// A call, unique within its project only.
    CallId
}
id_type! {
    /// An API key's public name, used in logs, lists and revocations; not the key itself.
    KeyId
}
id_type! {
    /// A log: all positions and every index belong to exactly one.
    LogId
}

impl KeyId {
    /// An id for a new key, which says nothing of the key.
    #[expect(clippy::disallowed_methods, reason = "the one place where keys are named")]
    pub fn generate() -> Self {
        Self(Uuid::new_v4())
    }
}

impl ProjectId {
    /// The project that has this name, whoever makes it first.
    pub fn of_name(name: &str) -> Self {
        Self(derived_uuid("project", &[&normal_name(name)]))
    }
}

/// A name as it is stored and compared: trimmed and in Unicode's NFC.
pub fn normal_name(name: &str) -> String {
    name.trim().nfc().collect()
}

/// A UUID that follows from its parts: version 5, namespace URL, name `urn:llm-log:<kind>:<parts>`.
pub fn derived_uuid(kind: &str, parts: &[&str]) -> Uuid {
    let name = format!("urn:llm-log:{kind}:{}", parts.join(":"));
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
}

/// The identity of a call. The same call id in two projects is two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallKey {
    pub project: ProjectId,
    pub call: CallId,
}

impl CallKey {
    /// The 32 bytes of project and call id, in this order.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (project, call) = bytes.split_at_mut(16);
        project.copy_from_slice(self.project.0.as_bytes());
        call.copy_from_slice(self.call.0.as_bytes());
        bytes
    }

    /// Reads what [`CallKey::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (project, call) = bytes.split_at_checked(16)?;
        Some(Self { project: ProjectId(Uuid::from_slice(project).ok()?), call: CallId(Uuid::from_slice(call).ok()?) })
    }
}

/// A partition of the log.
pub type Partition = u32;

/// The partition where every event of this call lives, for a log of that many partitions.
pub fn home_partition(call: CallId, partitions: NonZeroU32) -> Partition {
    let hash = xxh3_64(call.0.as_bytes()) % u64::from(partitions.get());
    u32::try_from(hash).expect("a remainder of a u32 is a u32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_and_braces_name_the_same_call() {
        let plain: CallId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().expect("valid");
        for text in [
            "67E55044-10B1-426F-9247-BB680E5FE0C8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            " 67e5504410b1426f9247bb680e5fe0c8 ",
        ] {
            assert_eq!(text.parse::<CallId>(), Ok(plain));
        }
        assert_eq!("67e55044".parse::<CallId>(), Err(NotAUuid));
    }

    #[test]
    fn a_written_uuid_needs_its_hyphens_and_nothing_else() {
        assert!(is_hyphenated_uuid("550e8400-e29b-41d4-a716-446655440000"));
        assert!(is_hyphenated_uuid("550E8400-E29B-41D4-A716-446655440000"));
        for text in [
            "",
            "550e8400e29b41d4a716446655440000",
            "{550e8400-e29b-41d4-a716-446655440000}",
            "550e8400-e29b-41d4-a716-44665544000g",
        ] {
            assert!(!is_hyphenated_uuid(text), "{text}");
        }
    }

    #[test]
    fn a_call_key_survives_its_bytes() {
        let key = CallKey { project: ProjectId(Uuid::from_u128(1)), call: CallId(Uuid::from_u128(2)) };
        assert_eq!(CallKey::from_bytes(&key.to_bytes()), Some(key));
        assert_eq!(CallKey::from_bytes(&[0; 31]), None);
    }

    #[test]
    fn stable_identities_never_change() {
        let call: CallId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().expect("valid");
        let sixteen = NonZeroU32::new(16).expect("not zero");
        assert_eq!(home_partition(call, sixteen), 3);
        assert_eq!(ProjectId::of_name(" Cafe\u{301} ").to_string(), ProjectId::of_name("Café").to_string());
        assert_eq!(ProjectId::of_name("Café").to_string(), "8e20aead-1cb7-51b6-a7db-08c3903bd5c9");
    }
}
