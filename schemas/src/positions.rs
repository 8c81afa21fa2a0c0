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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a token of positions, as an answer's Llm-Log-Positions header or an append's receipt has it")]
pub struct NotAToken;

/// Positions of two logs, which say nothing of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("positions of the log {other} can't be joined with those of the log {log}")]
pub struct OtherLog {
    pub log: LogId,
    pub other: LogId,
}

impl Positions {
    /// The opaque text that clients see.
    pub fn token(&self) -> String {
        let bytes = postcard::to_stdvec(self).expect("positions hold nothing that postcard refuses");
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn parse(token: &str) -> Result<Self, NotAToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim()).map_err(|_| NotAToken)?;
        match postcard::take_from_bytes(&bytes) {
            Ok((positions, [])) => Ok(positions),
            _ => Err(NotAToken),
        }
    }

    /// Takes the greater position of each partition.
    pub fn merge(&mut self, other: &Self) -> Result<(), OtherLog> {
        if self.log != other.log {
            return Err(OtherLog { log: self.log, other: other.log });
        }
        for (partition, offset) in &other.partitions {
            let mine = self.partitions.entry(*partition).or_default();
            *mine = (*mine).max(*offset);
        }
        self.reference = self.reference.max(other.reference);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn positions() -> impl Strategy<Value = Positions> {
        let partitions = btree_map(0u32..6, any::<u64>(), 0..6);
        (partitions, any::<Option<u64>>()).prop_map(|(partitions, reference)| Positions {
            log: LogId(Uuid::from_u128(7)),
            partitions,
            reference,
        })
    }

    fn joined(mut one: Positions, other: &Positions) -> Positions {
        one.merge(other).expect("both are of one log");
        one
    }

    proptest! {
        #[test]
        fn a_token_says_what_it_was_made_of_and_nothing_longer_or_shorter_is_one(positions in positions()) {
            let token = positions.token();
            prop_assert_eq!(Positions::parse(&format!(" {token} ")), Ok(positions));
            prop_assert_eq!(Positions::parse(&format!("{token}AAAA")), Err(NotAToken));
            prop_assert_eq!(Positions::parse(token.get(4..).unwrap_or_default()), Err(NotAToken));
        }

        #[test]
        fn joining_takes_the_greatest_position_of_each_whatever_the_order(
            one in positions(), other in positions(), third in positions()
        ) {
            let both = joined(one.clone(), &other);
            prop_assert_eq!(&both, &joined(other.clone(), &one));
            prop_assert_eq!(joined(both.clone(), &third), joined(one.clone(), &joined(other.clone(), &third)));
            prop_assert_eq!(&joined(both.clone(), &one), &both);
            for (partition, offset) in &both.partitions {
                let of = |positions: &Positions| positions.partitions.get(partition).copied();
                prop_assert_eq!(Some(*offset), of(&one).max(of(&other)));
            }
            prop_assert_eq!(both.reference, one.reference.max(other.reference));
        }
    }

    #[test]
    fn positions_of_two_logs_are_not_joined() {
        let of =
            |log| Positions { log: LogId(Uuid::from_u128(log)), partitions: BTreeMap::from([(0, 3)]), reference: None };
        let mut one = of(1);
        assert_eq!(one.merge(&of(2)), Err(OtherLog { log: of(1).log, other: of(2).log }));
        assert_eq!(one, of(1));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "a", "====", "position", "0", "-1", "\u{feff}"] {
            assert_eq!(Positions::parse(text), Err(NotAToken), "{text:?}");
        }
    }
}
