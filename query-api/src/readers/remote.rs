//! A reader in another process, asked over its internal listener.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{StatusCode, Url};
use schemas::id::Partition;
use schemas::protocol::{self, VERSION_HEADER};
use schemas::query::Frequencies;
use schemas::reader::{
    Answer, CallReader, CountRequest, GetRequest, ListPage, ListRequest, ReadContext, ReadError, ReaderStatus,
    StatsRequest,
};
use schemas::row::Row;
use schemas::stats::StatsPage;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a status may take.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);
/// What an answer may take beyond the query's own time limit, so that the other side is the one to say it.
const ANSWER_GRACE: Duration = Duration::from_secs(1);

/// Reads from the internal listener of a projector.
pub struct RemoteReader {
    client: reqwest::Client,
    base: Url,
    secret: String,
    /// What the other side served when it last said so: what is missing while it is away.
    served: Mutex<BTreeSet<Partition>>,
}

impl fmt::Debug for RemoteReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteReader").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RemoteReaderError {
    #[error("{url:?} is no address of a projector: expected one such as http://projector:8090")]
    Url { url: String },
    #[error("the HTTP client can't be made")]
    Client(#[source] reqwest::Error),
}

impl RemoteReader {
    /// A reader of the projector at this address. Does not connect yet.
    pub fn new(url: &str, secret: &str) -> Result<Self, RemoteReaderError> {
        let invalid = || RemoteReaderError::Url { url: url.to_owned() };
        let base = Url::parse(&format!("{}/", url.trim_end_matches('/'))).map_err(|_| invalid())?;
        if base.scheme() != "http" || base.host_str().is_none() {
            return Err(invalid());
        }
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .no_proxy()
            .build()
            .map_err(RemoteReaderError::Client)?;
        Ok(Self { client, base, secret: secret.to_owned(), served: Mutex::default() })
    }

    async fn ask<Q: Serialize + Sync, T: DeserializeOwned>(
        &self,
        what: &str,
        context: &ReadContext,
        request: &Q,
    ) -> Result<Answer<T>, ReadError> {
        let body = postcard::to_stdvec(request)
            .map_err(|error| ReadError::Internal { reason: format!("a read request can't be encoded: {error}") })?;
        let url = self.url(what)?;
        let waiting = context.wait_for.as_ref().map_or(Duration::ZERO, |wait| wait.timeout);
        let request = self.client.post(url).body(body).timeout(waiting + context.timeout + ANSWER_GRACE);
        self.answer(request, context.partitions.as_ref()).await
    }

    fn url(&self, what: &str) -> Result<Url, ReadError> {
        let url = self.base.join(&format!("internal/v1/{what}"));
        url.map_err(|error| ReadError::Internal {
            reason: format!("the projector's address can't be extended: {error}"),
        })
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        asked: Option<&BTreeSet<Partition>>,
    ) -> Result<T, ReadError> {
        let failed = |error: reqwest::Error| self.failure(&error, asked);
        let request = request.bearer_auth(&self.secret).header(VERSION_HEADER, protocol::version());
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            return Err(ReadError::Internal { reason: format!("{} refuses the internal secret", self.base) });
        }
        // A process that is starting has its listener before its pages.
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Err(self.away(asked));
        }
        if status == StatusCode::CONFLICT || status.is_success() {
            self.check_version(&response)?;
        }
        if !status.is_success() {
            return Err(ReadError::Internal { reason: format!("{} answered {status}", self.base) });
        }
        let late = || ReadError::Timeout { part: "receiving what a projector answers".to_owned() };
        // One that has begun to answer is there.
        let bytes = response.bytes().await.map_err(|error| if error.is_timeout() { late() } else { failed(error) })?;
        postcard::from_bytes::<Result<T, ReadError>>(&bytes).map_err(|error| ReadError::Internal {
            reason: format!("{} answered what this version can't read: {error}", self.base),
        })?
    }

    /// What a process of another version answers is not read: it may mean something else.
    fn check_version(&self, response: &reqwest::Response) -> Result<(), ReadError> {
        let theirs = response.headers().get(VERSION_HEADER).map(|version| String::from_utf8_lossy(version.as_bytes()));
        let (ours, theirs) = (protocol::version(), theirs.as_deref().unwrap_or("none"));
        if ours == theirs {
            return Ok(());
        }
        let reason = format!(
            "{} speaks protocol {theirs} and this process {ours}: all roles have to be of one version",
            self.base
        );
        Err(ReadError::OtherVersion { reason })
    }

    /// A projector that can't be reached serves nothing, whatever the network says of it; neither does one that does
    /// not say itself that the time is up.
    fn failure(&self, error: &reqwest::Error, asked: Option<&BTreeSet<Partition>>) -> ReadError {
        tracing::debug!(projector.url = %self.base, error = %error, "a projector could not be reached");
        self.away(asked)
    }

    fn away(&self, asked: Option<&BTreeSet<Partition>>) -> ReadError {
        let served = || self.served.lock().map(|served| served.clone()).unwrap_or_default();
        ReadError::Unavailable { partitions: asked.cloned().unwrap_or_else(served) }
    }
}

#[async_trait]
impl CallReader for RemoteReader {
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        self.ask("list", &request.context, &request).await
    }

    async fn get(&self, request: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        self.ask("get", &request.context, &request).await
    }

    async fn count(&self, request: CountRequest) -> Result<Answer<u64>, ReadError> {
        self.ask("count", &request.context, &request).await
    }

    async fn frequencies(&self, request: CountRequest) -> Result<Answer<Frequencies>, ReadError> {
        self.ask("frequencies", &request.context, &request).await
    }

    async fn stats(&self, request: StatsRequest) -> Result<Answer<StatsPage>, ReadError> {
        self.ask("stats", &request.context, &request).await
    }

    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        let request = self.client.get(self.url("status")?).timeout(STATUS_TIMEOUT);
        let status: ReaderStatus = self.answer(request, None).await?;
        if let Ok(mut served) = self.served.lock() {
            *served = status.serving.keys().copied().collect();
        }
        Ok(status)
    }
}
