//! A request once its body is read.

use axum::http::HeaderMap;
use serde_json::{Map, Value as Json};

/// What a request wants to do with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Read,
    Update,
    Delete,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A request whose body parsed.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    /// The parameters of the URL, in their order.
    pub(crate) parameters: Vec<(String, String)>,
    /// The members of the body; none when there is no body or it is an array.
    pub(crate) body: Map<String, Json>,
}

impl Request {
    pub(crate) fn new(headers: HeaderMap, url_query: Option<&str>, body: Map<String, Json>) -> Self {
        let parameters = url_query.and_then(|query| serde_urlencoded::from_str(query).ok()).unwrap_or_default();
        Self { headers, parameters, body }
    }

    /// The first parameter of this name, unless it is empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}
