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

/// The path of the resource, in lower case.
const RESOURCE: [&str; 2] = ["api", "llm-log"];

impl Endpoint {
    /// The endpoint of a request; none when there is no such page.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = path.split('/');
        for expected in RESOURCE {
            if !segments.next()?.eq_ignore_ascii_case(expected) {
                return None;
            }
        }
        let rest: Vec<&str> = segments.collect();
        let (get, post) = (method == Method::GET || method == Method::HEAD, method == Method::POST);
        let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
        match *rest.as_slice() {
            [] if post => Some(Self::Create),
            [name] if (get || post) && is(name, "get-list") => Some(Self::List),
            [name] if post && is(name, "count") => Some(Self::Count),
            [name] if post && is(name, "stats") => Some(Self::Stats),
            [id] if method == Method::PUT => Some(Self::Update { id: decoded(id) }),
            [id] if method == Method::DELETE => Some(Self::Delete { id: decoded(id) }),
            [id, action] if get || post => match action.to_ascii_lowercase().as_str() {
                "get-item" => Some(Self::Item { id: decoded(id) }),
                "update-item" => Some(Self::Update { id: decoded(id) }),
                "delete-item" => Some(Self::Delete { id: decoded(id) }),
                _ => None,
            },
            _ => None,
        }
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
