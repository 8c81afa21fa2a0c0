//! Reading what a reference event holds: what is wrong with it, and where.

use serde::de::value::Error as NoValue;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;
use serde_path_to_error::Segment;

use super::objects::{KeyObject, KeyRevocationObject, ReferenceKind, ReferenceObject};
use crate::access::Grant;
use crate::event::JsonMembers;
use crate::id::NotAUuid;
use crate::limits::MEMBERS;
use crate::problem::Problem;

const DATA: &str = "/data";

/// The object of an event of this kind. What it holds beyond its members is passed over.
pub(super) fn parse_object(kind: ReferenceKind, data: &RawValue) -> Result<ReferenceObject, Problem> {
    Ok(match kind {
        ReferenceKind::Log => ReferenceObject::Log(parse(data)?),
        ReferenceKind::Project => ReferenceObject::Project(parse(data)?),
        ReferenceKind::Key => ReferenceObject::Key(parse(data)?),
        ReferenceKind::KeyRevocation => ReferenceObject::KeyRevocation(parse(data)?),
        ReferenceKind::LlmProvider => ReferenceObject::LlmProvider(parse(data)?),
        ReferenceKind::User => ReferenceObject::User(parse(data)?),
        ReferenceKind::Incident => ReferenceObject::Incident(parse(data)?),
        ReferenceKind::Alert => ReferenceObject::Alert(parse(data)?),
        ReferenceKind::ScheduledMaintenance => ReferenceObject::ScheduledMaintenance(parse(data)?),
    })
}

fn parse<T: DeserializeOwned>(data: &RawValue) -> Result<T, Problem> {
    // A struct would also be read from a list of its fields' values.
    JsonMembers::read(DATA, data.get(), MEMBERS)?;
    let mut deserializer = serde_json::Deserializer::from_str(data.get());
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = error.path().iter().fold(DATA.to_owned(), |place, segment| match segment {
            Segment::Map { key } => Problem::of_member(&place, key, "").pointer,
            Segment::Seq { index } => format!("{place}/{index}"),
            Segment::Enum { .. } | Segment::Unknown => place,
        });
        problem(&place, &error.inner().to_string())
    })
}

/// The problem that an error of serde tells of, without the value that it quotes.
fn problem(place: &str, error: &str) -> Problem {
    let error = error.rsplit_once(" at line ").map_or(error, |(error, _)| error);
    if let Some(name) = error.strip_prefix("missing field `") {
        return Problem::of_member(place, name.trim_end_matches('`'), "a value, for it is needed");
    }
    if error.starts_with("UUID parsing failed") {
        return problem(place, &NotAUuid.to_string());
    }
    let of_type = error.rsplit_once(", expected ").map(|(_, expected)| expected);
    let expected = match of_type.or_else(|| error.strip_prefix("expected ")) {
        Some("i64" | "u32") => "a whole number",
        Some("a sequence") => "a list",
        Some(expected) if expected.starts_with("struct ") => "a JSON object",
        Some(expected) => expected,
        None => return Problem::new(place, format!("another value: {error}")),
    };
    Problem::new(place, expected)
}

/// The members that a key does not have: whoever wrote one of them meant another. Rows of other kinds only name things,
/// and come from systems that know more of them.
pub(super) fn unknown_members(kind: ReferenceKind, data: &RawValue) -> Vec<Problem> {
    match kind {
        ReferenceKind::Key => {
            let mut problems = unknown_in(DATA, data, names::<KeyObject>());
            for (at, grant) in grants(data).into_iter().enumerate() {
                problems.extend(unknown_in(&format!("{DATA}/permissions/{at}"), grant, names::<Grant>()));
            }
            problems
        }
        ReferenceKind::KeyRevocation => unknown_in(DATA, data, names::<KeyRevocationObject>()),
        _ => Vec::new(),
    }
}

/// What stands in the list of a key's permissions, if there is one.
fn grants(key: &RawValue) -> Vec<&RawValue> {
    let members = JsonMembers::parse(key.get()).map(|members| members.0).unwrap_or_default();
    let permissions = members.into_iter().find(|(name, _)| name == "permissions");
    permissions.and_then(|(_, list)| serde_json::from_str(list.get()).ok()).unwrap_or_default()
}

fn unknown_in(place: &str, object: &RawValue, names: &[&str]) -> Vec<Problem> {
    let members = match JsonMembers::read(place, object.get(), MEMBERS) {
        Ok(members) => members.0,
        Err(problem) => return vec![problem],
    };
    let unknown = members.into_iter().filter(|(name, _)| !names.contains(&&**name));
    let expected = || format!("no such member: there are {}", names.join(", "));
    unknown.map(|(name, _)| Problem::of_member(place, &name, expected())).collect()
}

/// The names of a struct's members, which its reader asks for.
fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Asked<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Asked<'_> {
        type Error = NoValue;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, NoValue> {
            *self.0 = fields;
            Err(NoValue::custom("names are all that was asked for"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoValue> {
            Err(NoValue::custom("it is no struct"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    let asked = T::deserialize(Asked(&mut names));
    debug_assert!(asked.is_err());
    names
}

#[cfg(test)]
mod tests {
    use super::super::objects::ProjectObject;
    use super::*;

    #[test]
    fn an_object_tells_its_names() {
        assert_eq!(names::<Grant>(), ["permission", "isBlockPermission", "labelIds"]);
        assert_eq!(names::<ProjectObject>(), ["name"]);
    }

    #[test]
    fn an_error_is_told_by_what_was_expected() {
        for (error, told) in [
            ("invalid type: string \"a, expected b at line 9\", expected a boolean at line 1 column 9", "a boolean"),
            ("invalid type: floating point `1.5`, expected i64 at line 1 column 9", "a whole number"),
            ("invalid type: integer `5`, expected struct Grant at line 1 column 9", "a JSON object"),
            ("expected a SHA-256 of 64 hexadecimal digits", "a SHA-256 of 64 hexadecimal digits"),
            ("unexpected end of hex escape at line 1 column 9", "another value: unexpected end of hex escape"),
            ("duplicate field `name`", "another value: duplicate field `name`"),
        ] {
            assert_eq!(problem("/data", error), Problem::new("/data", told));
        }
        let missing = Problem::new("/data/name", "a value, for it is needed");
        assert_eq!(problem("/data", "missing field `name` at line 1 column 2"), missing);
        assert!(problem("", "UUID parsing failed: invalid length").expected.starts_with("a UUID such as"));
    }
}
