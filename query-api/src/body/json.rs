//! JSON read within bounds: a short text can stand for a great many values.

use std::fmt;

use schemas::limits::{BODY_VALUES, JSON_DEPTH};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use super::BodyError;
use super::memory::HeldMemory;

/// What a value takes in memory beside its text, in bytes.
const VALUE_BYTES: usize = 128;
/// Values that memory is taken for at a time.
const STEP: usize = 1024;

/// The one value that a text holds.
pub(super) fn read(text: &[u8], memory: &mut HeldMemory) -> Result<Json, BodyError> {
    let mut bounds = Bounds { memory, values: 0, refused: None };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Reading { bounds: &mut bounds, depth: 0 }.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| bounds.refused.unwrap_or(BodyError::Json(error)))
}

struct Bounds<'a> {
    memory: &'a mut HeldMemory,
    values: usize,
    /// Why no more is read, when serde only heard of an error.
    refused: Option<BodyError>,
}

impl Bounds<'_> {
    fn count(&mut self) -> Result<(), BodyError> {
        if self.values == BODY_VALUES {
            return Err(BodyError::TooManyValues);
        }
        if self.values.is_multiple_of(STEP) {
            self.memory.grow(STEP * VALUE_BYTES)?;
        }
        self.values += 1;
        Ok(())
    }
}

/// Reads one value that stands this deep.
struct Reading<'a, 'b> {
    bounds: &'a mut Bounds<'b>,
    depth: usize,
}

impl<'b> Reading<'_, 'b> {
    fn inside(&mut self) -> Reading<'_, 'b> {
        Reading { bounds: self.bounds, depth: self.depth + 1 }
    }

    fn refuse<E: Error>(self, error: BodyError) -> E {
        let told = E::custom(&error);
        self.bounds.refused = Some(error);
        told
    }

    fn enter<E: Error>(self) -> Result<Self, E> {
        if self.depth < JSON_DEPTH { Ok(self) } else { Err(self.refuse(BodyError::TooDeep)) }
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_, '_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        match self.bounds.count() {
            Ok(()) => deserializer.deserialize_any(self),
            Err(error) => Err(self.refuse(error)),
        }
    }
}

impl<'de> Visitor<'de> for Reading<'_, '_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Json, A::Error> {
        let mut this = self.enter()?;
        let mut elements = Vec::new();
        while let Some(element) = array.next_element_seed(this.inside())? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut this = self.enter()?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(this.inside())?;
            members.insert(name, value);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::memory::{BodyMemory, Sender};
    use super::*;

    fn read_all(text: &str) -> Result<Json, BodyError> {
        read(text.as_bytes(), &mut BodyMemory::default().hold(Sender::Master))
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn of_equal_names_the_last_wins() {
        let read = read_all(r#"{"a": 1, "b": {"c": 1, "c": 2}, "a": [3]}"#).expect("valid");
        assert_eq!(read.to_string(), r#"{"a":[3],"b":{"c":2}}"#);
    }

    #[test]
    fn nothing_is_deeper_than_the_greatest_depth() {
        assert!(read_all(&nested(JSON_DEPTH)).is_ok());
        for text in [nested(JSON_DEPTH + 1), nested(100_000), format!("{}1", "{\"a\":".repeat(JSON_DEPTH + 1))] {
            assert!(matches!(read_all(&text), Err(BodyError::TooDeep)));
        }
    }

    #[test]
    fn no_body_stands_for_more_values_than_may_be() {
        let zeros = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(read_all(&zeros(BODY_VALUES - 1)).is_ok());
        assert!(matches!(read_all(&zeros(BODY_VALUES)), Err(BodyError::TooManyValues)));
    }

    #[test]
    fn values_take_of_the_memory_of_all() {
        let memory = BodyMemory::new(STEP * VALUE_BYTES);
        let mut held = memory.hold(Sender::Master);
        assert!(read(b"[0]", &mut held).is_ok());
        assert!(matches!(read(b"[0]", &mut memory.hold(Sender::Master)), Err(BodyError::Busy)));
        drop(held);
        assert!(read(b"[0]", &mut memory.hold(Sender::Master)).is_ok());
    }

    proptest! {
        /// The bounds change nothing of what is read.
        #[test]
        fn any_text_is_read_as_serde_reads_it(text in r#"([\[\]{}:,"a0-9.eE+ -]|true|null|"a":|\\u00e9|é){0,24}"#) {
            let (bounded, plain) = (read_all(&text), serde_json::from_str::<Json>(&text));
            prop_assert_eq!(bounded.ok(), plain.ok(), "{}", text);
        }
    }
}
