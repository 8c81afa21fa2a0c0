//! The members of a JSON object, unparsed, in order; a key that stands twice is an error.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::texts::parse_key;
use crate::limits::RECORD_MEMBERS;
use crate::problem::Problem;

/// Characters of a key that an error shows.
const SHOWN_CHARS: usize = 100;

/// A JSON object read one level deep.
#[derive(Debug)]
pub struct JsonMembers<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> JsonMembers<'a> {
    /// Reads the text of a JSON object.
    pub fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        let WithRepeats(members) = serde_json::from_str(json)?;
        match repeated(&members) {
            None => Ok(Self(members)),
            Some(name) => {
                let start: String = name.chars().take(SHOWN_CHARS).collect();
                Err(serde_json::Error::custom(format_args!("the key {start:?} stands twice")))
            }
        }
    }

    /// Reads the JSON at a pointer; what is wrong with it never holds more of it than the name of a member.
    pub fn read(pointer: &str, json: &'a str, members_max: usize) -> Result<Self, Problem> {
        if !json.trim_start().starts_with('{') {
            return Err(Problem::new(pointer, "a JSON object"));
        }
        let members = Self::parse(json).map_err(|error| Problem::new(pointer, format!("a JSON object: {error}")))?;
        if members.0.len() > members_max {
            return Err(Problem::new(pointer, format!("a JSON object of at most {members_max} members")));
        }
        Ok(members)
    }
}

/// Members as they stand. What is wrong with them together has no place in the text that an error could name.
struct WithRepeats<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for WithRepeats<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = WithRepeats<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(32);
                while let Some(key) = map.next_key::<&RawValue>()? {
                    let name = parse_key(key.get()).ok_or_else(|| A::Error::custom("a key is no text"))?;
                    if members.len() == RECORD_MEMBERS {
                        return Err(A::Error::custom(format_args!("it has more than {RECORD_MEMBERS} members")));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(WithRepeats(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A name that stands twice. They are sorted, not hashed: mostly they are few.
fn repeated<'a>(members: &'a [(Cow<'_, str>, &RawValue)]) -> Option<&'a str> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.array_windows().find_map(|[one, next]| (one == next).then_some(*one))
}
