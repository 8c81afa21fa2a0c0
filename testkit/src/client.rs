//! A small HTTP client that says what came back, whatever the status.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::Value;

/// Time limit of one request.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Sends requests to one server, with one key or none.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    /// A client of the server at this URL.
    pub fn new(url: &str) -> Self {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build().expect("nothing of it can fail");
        Self { http, url: url.trim_end_matches('/').to_owned(), key: None }
    }

    /// The same client with this API key.
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self.clone() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, &[], None).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let json = [("Content-Type", "application/json")];
        self.send("POST", path, &json, Some(body.to_string().into_bytes())).await
    }

    /// Sends JSON and expects a 200 with JSON.
    ///
    /// # Panics
    /// When the answer is another.
    pub async fn post_ok(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await.expect("the server answers");
        assert_eq!(answer.status, 200, "POST {path}: {}", answer.text());
        answer.json().expect("the answer is JSON")
    }

    /// Sends any request. Headers given here come after the client's key.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer> {
        let method: Method = method.parse().with_context(|| format!("{method:?} is no method"))?;
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("ApiKey", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Ok(Answer { status: response.status().as_u16(), headers, body: response.bytes().await?.to_vec() })
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// The header's value; several of one name are joined by `, `.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}
