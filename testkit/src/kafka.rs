//! The broker that tests may use.

mod broker;
mod topics;

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::skip::skip;

pub use broker::Broker;
pub use topics::{KafkaTopics, ReadRecord, SentRecord};

/// The bootstrap address of a Kafka made for tests, if `LLM_LOG_TEST_KAFKA` names one.
/// `scripts/test-kafka` starts one and sets it.
#[expect(clippy::disallowed_methods, reason = "tests have no command line to take it from")]
pub fn kafka() -> Option<String> {
    std::env::var("LLM_LOG_TEST_KAFKA").ok().filter(|bootstrap| !bootstrap.is_empty())
}

/// The same for a test that does nothing without one.
pub fn kafka_or_skip() -> Option<String> {
    let bootstrap = kafka();
    if bootstrap.is_none() {
        skip("LLM_LOG_TEST_KAFKA names no broker (scripts/test-kafka starts one)");
    }
    bootstrap
}

/// A topic prefix that no other test uses, so that tests share a broker.
pub fn unique_topic_prefix(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("test-{name}-{seconds}-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
