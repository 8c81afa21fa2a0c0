//! Publishing events, again and again until they are acknowledged or refused for good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde::de::IgnoredAny;

use super::{Client, ItemProblem, RequestError, may_pass};

/// The first wait before sending again; each further wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Sends batches of events.
#[derive(Debug)]
pub(crate) struct Publisher {
    client: Client,
    /// How long to go on sending a batch that the server can't take.
    patience: Duration,
    /// Whether the server ever took anything: one that never did is more likely the wrong one than away.
    known: AtomicBool,
}

/// Why a batch is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// These events are wrong; nothing of the batch was appended.
    #[error("some events are not as expected")]
    Problems(Vec<ItemProblem>),
    /// The batch is more than the server takes at once.
    #[error("the events are too large: {0}")]
    TooLarge(String),
    /// No batch will fare better.
    #[error(transparent)]
    Fatal(RequestError),
}

/// What an error means for the batch.
enum Verdict {
    Again { after: Option<Duration> },
    Problems(Vec<ItemProblem>),
    TooLarge(String),
    Fatal,
}

impl Publisher {
    pub(crate) fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience, known: AtomicBool::new(false) }
    }

    /// Sends events, each in JSON; comes back when all of them are acknowledged.
    pub(crate) async fn publish(&self, events: &[&[u8]]) -> Result<(), PublishError> {
        let started = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let Err(error) = self.client.post::<IgnoredAny>("v1/events", json_array(events)).await else {
                self.known.store(true, Ordering::Relaxed);
                return Ok(());
            };
            let asked = match self.judge(&error) {
                Verdict::Again { after } if started.elapsed() < self.patience => after,
                Verdict::Again { .. } | Verdict::Fatal => return Err(PublishError::Fatal(error)),
                Verdict::Problems(problems) => return Err(PublishError::Problems(problems)),
                Verdict::TooLarge(reason) => return Err(PublishError::TooLarge(reason)),
            };
            let patience = self.patience.saturating_sub(started.elapsed());
            tokio::time::sleep(asked.unwrap_or(wait).min(patience)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn judge(&self, error: &RequestError) -> Verdict {
        match error {
            RequestError::Unreachable { .. } if self.known.load(Ordering::Relaxed) => Verdict::Again { after: None },
            RequestError::Unreachable { .. } | RequestError::NotOurs { .. } => Verdict::Fatal,
            RequestError::InBetween { retry_after, .. } => Verdict::Again { after: *retry_after },
            RequestError::Refused { status, reason, retry_after, problems, .. } => match *status {
                status if may_pass(status) => Verdict::Again { after: *retry_after },
                StatusCode::REQUEST_TIMEOUT => Verdict::Again { after: *retry_after },
                StatusCode::UNPROCESSABLE_ENTITY if !problems.is_empty() => Verdict::Problems(problems.clone()),
                StatusCode::PAYLOAD_TOO_LARGE => Verdict::TooLarge(reason.clone()),
                _ => Verdict::Fatal,
            },
        }
    }
}

/// Texts of JSON as one array.
pub(crate) fn json_array(items: &[&[u8]]) -> Vec<u8> {
    [b"[".as_slice(), &items.join(b",".as_slice()), b"]"].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use axum::Router;
    use axum::http::header::RETRY_AFTER;
    use axum::response::{Html, IntoResponse as _, Response};
    use axum::routing::post;
    use reqwest::Url;
    use schemas::access::ApiKey;
    use tokio::net::TcpListener;

    use super::*;

    /// A publisher to a server that answers with these one after the other, and how many it gave.
    async fn publisher(answers: Vec<Response>) -> (Publisher, Arc<AtomicUsize>) {
        let given = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&given);
        let answers = Arc::new(std::sync::Mutex::new(answers.into_iter()));
        let answer = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answers.lock().expect("no holder panics").next();
            std::future::ready(answer.expect("nobody asks more often"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
        let router = Router::new().route("/v1/events", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let url = Url::parse(&url).expect("an address");
        let client = Client::new(&url, ApiKey::generate()).expect("a client");
        (Publisher::new(client, Duration::from_mins(5)), given)
    }

    fn of_a_proxy(status: StatusCode) -> Response {
        (status, [(RETRY_AFTER, "0")], Html("<h1>nginx</h1>")).into_response()
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_reach_the_server_is_asked_again() {
        let mut answers: Vec<Response> = [
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
            StatusCode::TOO_MANY_REQUESTS,
        ]
        .map(of_a_proxy)
        .into();
        answers.push(axum::Json(serde_json::json!({})).into_response());
        let (publisher, given) = publisher(answers).await;
        publisher.publish(&[b"{}"]).await.expect("it is taken in the end");
        assert_eq!(given.load(Ordering::Relaxed), 5);
    }

    #[tokio::test]
    async fn what_is_no_server_of_ours_is_not_asked_again() {
        let (publisher, given) = publisher(vec![of_a_proxy(StatusCode::FORBIDDEN)]).await;
        let error = publisher.publish(&[b"{}"]).await.expect_err("it is refused").to_string();
        assert!(error.contains("is no llm-log server") && error.contains("403"), "{error}");
        assert_eq!(given.load(Ordering::Relaxed), 1);
    }
}
