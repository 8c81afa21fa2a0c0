//! Leaving in good order, in less than five seconds.

use std::sync::Arc;
use std::time::Duration;

use ::projector::Projector;

use crate::http::HttpServer;

/// How long the last batches may take. What is cut off is read from the log again at the next start.
const LAST_BATCHES: Duration = Duration::from_secs(3);

/// Answers the last requests, then finishes and commits the last batches.
pub(super) async fn stop(http: HttpServer, projector: Option<Arc<Projector>>, rest: impl Send + 'static) {
    http.stop().await;
    let last = tokio::task::spawn_blocking(move || {
        if let Some(projector) = projector.and_then(Arc::into_inner) {
            projector.stop();
        }
        // Followers and the log join their threads.
        drop(rest);
    });
    if tokio::time::timeout(LAST_BATCHES, last).await.is_err() {
        tracing::warn!("the last batch was not finished in time: it is read again at the next start");
    } else {
        tracing::info!("stopped");
    }
}
