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

    fn note(&self, reason: &str) {
        *self.0.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(lasting(reason).to_owned());
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
        if facility == CONNECTION_FAILED {
            self.note(message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // No error, and it comes often.
            Some(RDKafkaErrorCode::PartitionEOF) => return,
            Some(RDKafkaErrorCode::AllBrokersDown) => self.0.down.store(true, Ordering::Release),
            _ => self.note(reason),
        }
        tracing::debug!(error = %error, "{reason}");
    }
}

impl ConsumerContext for Connection {}

/// What librdkafka's lines about failed connections are headed.
const CONNECTION_FAILED: &str = "FAIL";

/// A reason without the thread, and without how often and how long after what it happened, which is another each
/// time.
fn lasting(reason: &str) -> &str {
    let reason = reason.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")).map_or(reason, |(_, rest)| rest);
    reason.split_once(" (after ").map_or(reason, |(lasting, _)| lasting)
}

/// Why no client can be made with its settings. Without their values: passwords are among them.
pub(super) fn refusal(error: KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, _, _) => description,
        other => other.to_string(),
    }
}

/// Whether the broker may be away for a while, or not have heard of a new topic yet, so that trying again helps.
pub(super) fn may_pass(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = match error {
        // rdkafka names no code for these.
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    };
    matches!(
        code,
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::TimedOutQueue
                | Code::ThrottlingQuotaExceeded
                | Code::BrokerDestroy
                | Code::DestroyBroker
                | Code::SSL
                | Code::Authentication
                | Code::NetworkException
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::BrokerNotAvailable
                | Code::NotController
                | Code::UnknownTopicOrPartition
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_about_topics_that_the_network_cut_off_is_asked_again() {
        use RDKafkaErrorCode as Code;
        let codes = [
            Code::BrokerTransportFailure,
            Code::OperationTimedOut,
            Code::UnknownTopicOrPartition,
            Code::ThrottlingQuotaExceeded,
        ];
        for code in codes {
            assert!(may_pass(&KafkaError::AdminOp(code)), "{code:?}");
        }
        assert!(may_pass(&KafkaError::MetadataFetch(Code::BrokerTransportFailure)));
        assert!(!may_pass(&KafkaError::AdminOp(Code::TopicAuthorizationFailed)));
    }

    #[test]
    fn the_same_failure_has_the_same_reason_each_time() {
        let reason = "kafka:9092/1: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 2ms in state CONNECT, 7 identical error(s) suppressed)";
        assert_eq!(lasting(reason), "kafka:9092/1: Connect to ipv4#10.0.0.1:9092 failed: Connection refused");
        let line = "[thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Disconnected (after 1ms in state UP)";
        assert_eq!(lasting(line), "kafka:9092/bootstrap: Disconnected");
        assert_eq!(lasting("SASL authentication error"), "SASL authentication error");
    }
}
