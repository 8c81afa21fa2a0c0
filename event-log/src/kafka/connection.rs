//! What a client of the broker says about its connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Keeps what librdkafka reports until somebody asks. Its own lines are for debugging: who needs the broker says
/// once that it is away.
#[derive(Debug, Clone, Default)]
pub(super) struct Connection(Arc<State>);

#[derive(Debug, Default)]
struct State {
    down: AtomicBool,
    reason: Mutex<Option<String>>,
}

impl Connection {
    /// Whether no broker answered when last heard of.
    pub(super) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Acquire)
    }

    pub(super) fn set_down(&self, is_down: bool) {
        self.0.down.store(is_down, Ordering::Release);
    }

    /// The error with the last reason that librdkafka gave, which says more.
    pub(super) fn explain(&self, error: &KafkaError) -> String {
        let error = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
        match self.0.reason.lock().unwrap_or_else(PoisonError::into_inner).as_deref() {
            Some(reason) => format!("{error} ({reason})"),
            None => error,
        }
    }
}

impl ClientContext for Connection {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(kafka.facility = facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(error = %error, "{reason}");
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.0.down.store(true, Ordering::Release);
        } else {
            *self.0.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Connection {}

/// Whether the broker may be away for a while, so that trying again helps.
pub(super) fn may_pass(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::NetworkException
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::BrokerNotAvailable
                | Code::InvalidReplicationFactor
                | Code::NotController
        )
    )
}
