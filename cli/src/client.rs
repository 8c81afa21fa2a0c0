//! A client of a running server.

mod publish;

pub(crate) use publish::{PublishError, Publisher, json_array};

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use schemas::access::ApiKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Sends requests to one server with one key.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    key: ApiKey,
}

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("no server answers at {url}: {reason}")]
    Unreachable { url: Url, reason: String },
    /// The server answered that it can't.
    #[error("the server at {url} answers {status}: {reason}")]
    Refused { url: Url, status: StatusCode, reason: String, retry_after: Option<Duration>, problems: Vec<ItemProblem> },
    #[error("{url} is no llm-log server: {reason}")]
    NotOurs { url: Url, reason: String },
    /// Something in front of the server answers that it can't be reached, such as a proxy.
    #[error("something else than llm-log answers {status} at {url}")]
    InBetween { url: Url, status: StatusCode, retry_after: Option<Duration> },
}

/// What is wrong with one item of a request.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ItemProblem {
    /// Which item, from 0.
    pub(crate) index: usize,
    pub(crate) pointer: String,
    pub(crate) expected: String,
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default, alias = "message")]
    error: Option<String>,
    #[serde(default)]
    problems: Vec<ItemProblem>,
}

impl Client {
    pub(crate) fn new(base: &Url, key: ApiKey) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy().build()?;
        Ok(Self { http, base: base.clone(), key })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RequestError> {
        self.send(Method::GET, path, None, Some(ANSWER_TIMEOUT)).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, json: Vec<u8>) -> Result<T, RequestError> {
        self.send(Method::POST, path, Some(json), Some(ANSWER_TIMEOUT)).await
    }

    /// Sends JSON and waits for the answer as long as it takes.
    pub(crate) async fn post_patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        json: Vec<u8>,
    ) -> Result<T, RequestError> {
        self.send(Method::POST, path, Some(json), None).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        json: Option<Vec<u8>>,
        timeout: Option<Duration>,
    ) -> Result<T, RequestError> {
        let url = || self.base.clone();
        let unreachable = |error: &reqwest::Error| RequestError::Unreachable { url: url(), reason: innermost(error) };
        let target =
            self.base.join(path).map_err(|error| RequestError::NotOurs { url: url(), reason: error.to_string() })?;
        let mut request = self.http.request(method, target).header("ApiKey", self.key.reveal());
        if let Some(json) = json {
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = retry_after.map(Duration::from_secs);
        let body = response.bytes().await.map_err(|error| unreachable(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| {
                let reason = format!("it answers /{path} with something else than expected");
                RequestError::NotOurs { url: url(), reason }
            });
        }
        let ErrorBody { error, problems } = serde_json::from_slice(&body).unwrap_or_default();
        match error {
            Some(reason) => Err(RequestError::Refused { url: url(), status, reason, retry_after, problems }),
            None if may_pass(status) => Err(RequestError::InBetween { url: url(), status, retry_after }),
            None => Err(RequestError::NotOurs { url: url(), reason: format!("it answers /{path} with {status}") }),
        }
    }
}

/// Whether a server that answers so may answer otherwise in a while.
fn may_pass(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// What lies at the bottom of the error: the layers above repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    if error.is_timeout() { "it takes too long".to_owned() } else { reason.to_string() }
}
