//! Which request is which. Paths are matched without regard to case and with one slash at the end.

use axum::http::Method;

/// What a request asks for. Ids are as the path has them, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    List,
    Item { id: String },
    Count,
    Stats,
    Create,
    Update { id: String },
    Delete { id: String },
}

/// The methods of a page, its path, and what it asks for, with the id where the path has one.
type Page = (&'static [&'static str], &'static str, fn(String) -> Endpoint);

const PAGES: [Page; 9] = [
    (&["GET", "POST"], "/api/llm-log/get-list", |_| Endpoint::List),
    (&["GET", "POST"], "/api/llm-log/{id}/get-item", |id| Endpoint::Item { id }),
    (&["POST"], "/api/llm-log/count", |_| Endpoint::Count),
    (&["POST"], "/api/llm-log/stats", |_| Endpoint::Stats),
    (&["POST"], "/api/llm-log", |_| Endpoint::Create),
    (&["PUT"], "/api/llm-log/{id}", |id| Endpoint::Update { id }),
    (&["DELETE"], "/api/llm-log/{id}", |id| Endpoint::Delete { id }),
    (&["GET", "POST"], "/api/llm-log/{id}/update-item", |id| Endpoint::Update { id }),
    (&["GET", "POST"], "/api/llm-log/{id}/delete-item", |id| Endpoint::Delete { id }),
];

impl Endpoint {
    /// The endpoint of a request; none when there is no such page.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let path = path.strip_suffix('/').unwrap_or(path);
        PAGES.iter().filter(|(methods, ..)| methods.contains(&method.as_str())).find_map(|(_, page, endpoint)| {
            let id = id_in(path, page)?;
            Some(endpoint(id))
        })
    }

    /// The name of the endpoint in metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::List => "get-list",
            Self::Item { .. } => "get-item",
            Self::Count => "count",
            Self::Stats => "stats",
            Self::Create => "create",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
        }
    }
}

/// The id that a path has where the page's has `{id}`, or nothing where it has none; `None` when it is another path.
fn id_in(path: &str, page: &str) -> Option<String> {
    let (mut segments, mut id) = (path.split('/'), String::new());
    for expected in page.split('/') {
        let segment = segments.next()?;
        if expected == "{id}" {
            id = decoded(segment);
        } else if !segment.eq_ignore_ascii_case(expected) {
            return None;
        }
    }
    if segments.next().is_none() { Some(id) } else { None }
}

/// A path segment without its percent escapes; as it is when they are not UTF-8.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escape = (byte == b'%').then(|| after.get(..2)).flatten();
        let value = escape
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(value.unwrap_or(byte));
        rest = if value.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| segment.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of(method: &Method, path: &str) -> Option<Endpoint> {
        Endpoint::of(method, path)
    }

    #[test]
    fn paths_are_found_in_any_case_and_with_one_slash_at_the_end() {
        for path in ["/api/llm-log/get-list", "/API/LLM-Log/GET-LIST", "/api/llm-log/get-list/"] {
            assert_eq!(of(&Method::GET, path), Some(Endpoint::List), "{path}");
            assert_eq!(of(&Method::POST, path), Some(Endpoint::List), "{path}");
        }
        assert_eq!(of(&Method::POST, "/api/llm-log/get-list//"), None);
        assert_eq!(of(&Method::GET, "/api/llm-log/X%20y/get-item"), Some(Endpoint::Item { id: "X y".to_owned() }));
        assert_eq!(of(&Method::GET, "/api/llm-log/%zz%/get-item"), Some(Endpoint::Item { id: "%zz%".to_owned() }));
    }

    #[test]
    fn the_description_has_every_page_and_no_other() {
        let api = serde_json::to_value(crate::openapi(crate::Compat::Docs)).expect("JSON");
        let mut described = BTreeSet::new();
        for (path, methods) in api.get("paths").and_then(|paths| paths.as_object()).expect("pages") {
            let methods = methods.as_object().expect("methods").keys();
            described.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
        let methods = |(methods, path, _): &Page| {
            let path = (*path).to_owned();
            methods.iter().map(|method| ((*method).to_owned(), path.clone())).collect::<Vec<_>>()
        };
        assert_eq!(PAGES.iter().flat_map(methods).collect::<BTreeSet<_>>(), described);
    }

    #[test]
    fn methods_without_a_page_have_no_endpoint() {
        for (method, path) in [
            (Method::GET, "/api/llm-log/count"),
            (Method::GET, "/api/llm-log/stats"),
            (Method::GET, "/api/llm-log"),
            (Method::PUT, "/api/llm-log"),
            (Method::DELETE, "/api/llm-log/"),
            (Method::GET, "/api/llm-log/00000000-0000-4000-8000-000000000001"),
            (Method::POST, "/api/llm-log/00000000-0000-4000-8000-000000000001"),
            (Method::POST, "/api/other/get-list"),
            (Method::GET, "/"),
        ] {
            assert_eq!(of(&method, path), None, "{method} {path}");
        }
    }
}
