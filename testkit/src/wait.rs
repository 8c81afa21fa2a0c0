//! Waiting for a condition with a deadline: what tests do instead of sleeping.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Blocks the thread until the condition holds.
///
/// # Panics
/// When it does not hold within the deadline; the message says what was waited for.
#[track_caller]
pub fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        std::thread::sleep(INTERVAL);
    }
}

/// Waits until the condition holds.
///
/// # Panics
/// When it does not hold within the deadline; the message says what was waited for.
pub async fn wait_until_async<F: Future<Output = bool>>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> F,
) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        tokio::time::sleep(INTERVAL).await;
    }
}
