//! Ctrl-C and SIGTERM.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first Ctrl-C or SIGTERM. The second ends the process at once: everything that
/// was acknowledged is in the log.
pub(crate) fn on_signal() -> anyhow::Result<CancellationToken> {
    let listen = |kind| signal(kind).context("signals can't be listened to");
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut next = async || tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} };
        next().await;
        tracing::info!("stopping");
        cancelled.cancel();
        next().await;
        tracing::warn!("stopped at once, by a second signal");
        std::process::exit(1);
    });
    Ok(token)
}
