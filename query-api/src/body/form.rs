//! Forms with nested names, such as `query[status]=Error&query[feature][]=a&query[feature][]=b`.

use std::fmt;

use schemas::limits::{FORM_DEPTH, FORM_INDEX_MAX, FORM_PAIRS};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

/// The members of a form; every value is a string. `None` when it is none.
pub(super) fn parse(bytes: &[u8]) -> Option<Map<String, Json>> {
    let Pairs(pairs) = serde_urlencoded::from_bytes(bytes).ok()?;
    let mut members = Map::new();
    for (name, value) in pairs {
        let path = path(&name)?;
        insert(&mut members, &path, value);
    }
    Some(members.into_iter().map(|(name, value)| (name, with_lists(value))).collect())
}

/// The pairs of a form that has not too many: no more than those are ever kept.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfForm;

        impl<'de> Visitor<'de> for OfForm {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {FORM_PAIRS} pairs")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut form: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = form.next_element()? {
                    if pairs.len() == FORM_PAIRS {
                        return Err(A::Error::invalid_length(FORM_PAIRS + 1, &self));
                    }
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_seq(OfForm)
    }
}

/// `a[b][c]` as `a`, `b`, `c`.
fn path(name: &str) -> Option<Vec<&str>> {
    let Some((first, rest)) = name.split_once('[').filter(|(first, _)| !first.is_empty()) else {
        return Some(vec![name]);
    };
    let Some(inner) = rest.strip_suffix(']') else { return Some(vec![name]) };
    let path: Vec<&str> = std::iter::once(first).chain(inner.split("][")).collect();
    (path.len() <= FORM_DEPTH).then_some(path)
}

fn insert(members: &mut Map<String, Json>, path: &[&str], value: String) {
    let Some((first, rest)) = path.split_first() else { return };
    // `[]` and a name that comes twice go on with the next free index.
    let key = if first.is_empty() { members.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        match members.get_mut(&key) {
            None => {
                members.insert(key, Json::String(value));
            }
            Some(Json::Object(list)) => {
                list.insert(list.len().to_string(), Json::String(value));
            }
            Some(single) => {
                let list = [("0".to_owned(), single.take()), ("1".to_owned(), Json::String(value))];
                *single = Json::Object(Map::from_iter(list));
            }
        }
        return;
    }
    let entry = members.entry(key).or_insert_with(|| Json::Object(Map::new()));
    if !entry.is_object() {
        *entry = Json::Object(Map::from_iter([("0".to_owned(), entry.take())]));
    }
    if let Json::Object(inner) = entry {
        insert(inner, rest, value);
    }
}

/// Turns objects whose keys are indices into lists.
fn with_lists(value: Json) -> Json {
    let Json::Object(members) = value else { return value };
    let is_list = !members.is_empty()
        && members
            .keys()
            .all(|key| key.parse::<usize>().is_ok_and(|index| index <= FORM_INDEX_MAX && index.to_string() == *key));
    let members: Map<String, Json> = members.into_iter().map(|(key, value)| (key, with_lists(value))).collect();
    if !is_list {
        return Json::Object(members);
    }
    let mut elements: Vec<(usize, Json)> =
        members.into_iter().map(|(key, value)| (key.parse().unwrap_or(FORM_INDEX_MAX), value)).collect();
    elements.sort_by_key(|(index, _)| *index);
    Json::Array(elements.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> Json {
        parse(text.as_bytes()).map_or(Json::Null, Json::Object)
    }

    #[test]
    fn names_with_brackets_are_objects_and_lists() {
        assert_eq!(
            parsed("query[status]=Error&select[status]=true&limit=3"),
            json!({"query": {"status": "Error"}, "select": {"status": "true"}, "limit": "3"})
        );
        assert_eq!(
            parsed("query%5Bstatus%5D[]=a+b&query[status][]=c&query[n][_type]=EqualTo"),
            json!({"query": {"status": ["a b", "c"], "n": {"_type": "EqualTo"}}})
        );
        assert_eq!(parsed("a[1]=y&a[0]=x&b=1&b=2"), json!({"a": ["x", "y"], "b": ["1", "2"]}));
    }

    #[test]
    fn brackets_that_do_not_close_are_part_of_the_name() {
        assert_eq!(parsed("a[b=1&[c]=2"), json!({"a[b": "1", "[c]": "2"}));
    }

    #[test]
    fn a_form_too_deep_or_too_long_is_refused() {
        assert_eq!(parse(format!("a{}=1", "[b]".repeat(FORM_DEPTH)).as_bytes()), None);
        assert_eq!(parse("a=1&".repeat(FORM_PAIRS + 1).as_bytes()), None);
    }
}
