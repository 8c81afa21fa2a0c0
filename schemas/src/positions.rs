//! How far into the log an answer reaches.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::id::{LogId, Partition};

/// The place of a record in a partition.
pub type Offset = u64;

/// Positions in one log: per partition the offset of the next record, all before it being in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    pub log: LogId,
    pub partitions: BTreeMap<Partition, Offset>,
    /// The next record of the reference data.
    pub reference: Option<Offset>,
}

/// A text that is no token of positions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a token of positions, as an answer's Llm-Log-Positions header or an append's receipt has it")]
pub struct NotAToken;

impl Positions {
    /// The opaque text that clients see.
    pub fn token(&self) -> String {
        let bytes = postcard::to_stdvec(self).expect("positions hold nothing that postcard refuses");
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn parse(token: &str) -> Result<Self, NotAToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim()).map_err(|_| NotAToken)?;
        postcard::from_bytes(&bytes).map_err(|_| NotAToken)
    }

    /// Takes the greater position of each partition.
    pub fn merge(&mut self, other: &Self) {
        for (partition, offset) in &other.partitions {
            let mine = self.partitions.entry(*partition).or_default();
            *mine = (*mine).max(*offset);
        }
        self.reference = self.reference.max(other.reference);
    }
}
