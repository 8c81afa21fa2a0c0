//! Publishing events, again and again until they are acknowledged or refused for good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde::de::IgnoredAny;

use super::{Client, ItemProblem, RequestError};

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
            tokio::time::sleep(asked.unwrap_or(wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn judge(&self, error: &RequestError) -> Verdict {
        match error {
            RequestError::Unreachable { .. } if self.known.load(Ordering::Relaxed) => Verdict::Again { after: None },
            RequestError::Unreachable { .. } | RequestError::NotOurs { .. } => Verdict::Fatal,
            RequestError::Refused { status, reason, retry_after, problems, .. } => match *status {
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::BAD_GATEWAY
                | StatusCode::GATEWAY_TIMEOUT
                | StatusCode::REQUEST_TIMEOUT => Verdict::Again { after: *retry_after },
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
