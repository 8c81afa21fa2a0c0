//! Connections that bring events are served by threads of their own: however many there are, other requests do not
//! wait behind them. Those that bring nothing for a while are closed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What a connection that brings events begins with.
const BRINGS_EVENTS: &[u8] = b"POST /v1/";
/// How long a connection may bring nothing, and how long the head of a request may take: longer than clients keep a
/// connection that they don't use.
const IDLE: Duration = Duration::from_mins(2);
/// What a connection reads at once. A request whose head is twice as long is refused.
const BUFFER_BYTES: usize = 128 * 1024;
/// Files that a process may have open, if the system lets it. Half of them may be connections.
const FILES: u64 = 16_384;

/// Serves until it is told to stop and what it serves then has come to its end.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    let files = rlimit::increase_nofile_limit(FILES).or_else(|_| rlimit::Resource::NOFILE.get_soft())?;
    let connections = usize::try_from(files / 2).unwrap_or(usize::MAX);
    serve_within(listener, router, stop, Limits { idle: IDLE, connections }).await
}

/// What connections may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    idle: Duration,
    /// Those beyond wait until others are closed.
    connections: usize,
}

async fn serve_within(
    mut listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    limits: Limits,
) -> io::Result<()> {
    let threads = Threads(Some(Builder::new_multi_thread().thread_name("events").enable_all().build()?));
    let open = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let served = GracefulShutdown::new();
    while let Some(accepted) = stop.run_until_cancelled(accept(&mut listener, &open)).await {
        let opened = Opened { connection: accepted?, router: router.clone(), watcher: served.watcher() };
        let (events, stopped) = (threads.handle(), stop.clone());
        tokio::spawn(stopped.run_until_cancelled_owned(hand_over(opened, limits.idle, events)));
    }
    drop(listener);
    served.shutdown().await;
    Ok(())
}

type Connection = (TcpStream, OwnedSemaphorePermit);

async fn accept(listener: &mut TcpListener, open: &Arc<Semaphore>) -> io::Result<Connection> {
    let permit = Arc::clone(open).acquire_owned().await.map_err(io::Error::other)?;
    let (connection, _) = Listener::accept(listener).await;
    Ok((connection, permit))
}

/// A connection, and what it takes to serve it.
struct Opened {
    connection: Connection,
    router: Router,
    watcher: Watcher,
}

/// Looks at how a connection begins, and gives it to those who serve such.
async fn hand_over(opened: Opened, idle: Duration, events: Handle) {
    let Opened { connection: (connection, permit), router, watcher } = opened;
    let mut start = [0; BRINGS_EVENTS.len()];
    let Ok(Ok(length)) = timeout(idle, connection.peek(&mut start)).await else { return };
    let Ok(connection) = connection.into_std() else { return };
    let brings_events = start.get(..length) == Some(BRINGS_EVENTS);
    let threads = if brings_events { events } else { Handle::current() };
    threads.spawn(async move {
        serve_connection(connection, router, watcher, idle).await;
        drop(permit);
    });
}

async fn serve_connection(connection: std::net::TcpStream, router: Router, watcher: Watcher, idle: Duration) {
    let connection = match TcpStream::from_std(connection) {
        Ok(connection) => TokioIo::new(connection),
        Err(error) => return tracing::warn!(error = %error, "a connection can't be served"),
    };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(BUFFER_BYTES);
    let serving = http.serve_connection(connection, TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(serving).await {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

/// A runtime that may be dropped anywhere.
struct Threads(Option<Runtime>);

impl Threads {
    fn handle(&self) -> Handle {
        self.0.as_ref().expect("it is there until it is dropped").handle().clone()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::{Arc, Barrier};
    use std::thread::available_parallelism;

    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn send(address: SocketAddr, line: &str) -> TcpStream {
        let mut connection = TcpStream::connect(address).await.expect("it listens");
        let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        connection.write_all(request.as_bytes()).await.expect("it is taken");
        connection
    }

    async fn answer(mut connection: TcpStream) -> String {
        let mut text = String::new();
        connection.read_to_string(&mut text).await.expect("an answer");
        text
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn other_requests_are_answered_while_those_with_events_keep_all_their_threads() {
        let threads = available_parallelism().expect("known").get();
        let barrier = Arc::new(Barrier::new(threads + 1));
        let held = Arc::clone(&barrier);
        let router = Router::new()
            .route(
                "/v1/events",
                post(async move || {
                    held.wait();
                }),
            )
            .route("/healthz", get(async || "other"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, stop.clone()));
        let mut busy = Vec::new();
        for _ in 0..threads {
            busy.push(send(address, "POST /v1/events").await);
        }
        for _ in 0..8 {
            let other = answer(send(address, "GET /healthz").await).await;
            assert!(other.starts_with("HTTP/1.1 200") && other.ends_with("other"), "{other}");
        }
        tokio::task::spawn_blocking(move || barrier.wait()).await.expect("all have come");
        for connection in busy {
            assert!(answer(connection).await.starts_with("HTTP/1.1 200"));
        }
        stop.cancel();
        serving.await.expect("it ends").expect("without an error");
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_head_of_twice_the_buffer_is_refused_and_one_of_half_of_it_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let router = Router::new().route("/healthz", get(async || "here"));
        tokio::spawn(serve(listener, router, CancellationToken::new()));
        for (bytes, status) in [(BUFFER_BYTES / 2, "200"), (2 * BUFFER_BYTES, "431")] {
            let connection = TcpStream::connect(address).await.expect("it listens");
            let (mut answers, mut requests) = connection.into_split();
            let head =
                format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nlong: {}\r\n\r\n", "x".repeat(bytes));
            let mut line = [0; 12];
            // Whoever is refused may be so before all is sent.
            let (_, answer) = tokio::join!(requests.write_all(head.as_bytes()), answers.read_exact(&mut line));
            answer.expect("an answer");
            assert_eq!(String::from_utf8_lossy(&line), format!("HTTP/1.1 {status}"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn connections_that_bring_nothing_are_closed_and_make_room_for_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let router = Router::new().route("/healthz", get(async || "here"));
        let limits = Limits { idle: Duration::from_millis(300), connections: 2 };
        tokio::spawn(serve_within(listener, router, CancellationToken::new(), limits));
        let silent = TcpStream::connect(address).await.expect("it listens");
        let mut slow = TcpStream::connect(address).await.expect("it listens");
        slow.write_all(b"GET /healthz HTTP/1.1\r\nhost:").await.expect("it is taken");
        let third = answer(send(address, "GET /healthz").await).await;
        assert!(third.ends_with("here"), "{third}");
        for mut connection in [silent, slow] {
            let mut rest = Vec::new();
            // The end, or a reset where something was left unread.
            let _ = connection.read_to_end(&mut rest).await;
            assert!(!String::from_utf8_lossy(&rest).contains("here"));
        }
    }
}
