//! Connections that bring events are served by threads of their own: however many there are, other requests do not
//! wait behind them.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// What a connection that brings events begins with.
const BRINGS_EVENTS: &[u8] = b"POST /v1/";

/// Serves until it is told to stop and what it serves then has come to its end.
pub(super) async fn serve(mut listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    let address = listener.local_addr()?;
    let threads = Threads(Some(Builder::new_multi_thread().thread_name("events").enable_all().build()?));
    let (events, with_events) = unbounded_channel();
    let (others, with_others) = unbounded_channel();
    let of_events =
        threads.spawn(serve_accepted(Accepted { connections: with_events, address }, router.clone(), &stop));
    let of_others = tokio::spawn(serve_accepted(Accepted { connections: with_others, address }, router, &stop));
    while let Some((connection, peer)) = stop.run_until_cancelled(Listener::accept(&mut listener)).await {
        tokio::spawn(stop.clone().run_until_cancelled_owned(hand_over(
            connection,
            peer,
            events.clone(),
            others.clone(),
        )));
    }
    drop((listener, events, others));
    of_events.await??;
    of_others.await?
}

fn serve_accepted(
    accepted: Accepted,
    router: Router,
    stop: &CancellationToken,
) -> impl Future<Output = io::Result<()>> + use<> {
    axum::serve(accepted, router).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future()
}

type Connection = (std::net::TcpStream, SocketAddr);

/// Looks at how a connection begins, and gives it to those who serve such.
async fn hand_over(
    connection: TcpStream,
    peer: SocketAddr,
    events: UnboundedSender<Connection>,
    others: UnboundedSender<Connection>,
) {
    let mut start = [0; BRINGS_EVENTS.len()];
    let Ok(length) = connection.peek(&mut start).await else { return };
    let Ok(connection) = connection.into_std() else { return };
    let takers = if start.get(..length) == Some(BRINGS_EVENTS) { events } else { others };
    // Nobody takes it any more when the server stops.
    let _ = takers.send((connection, peer));
}

/// Connections that were accepted for whoever serves these.
struct Accepted {
    connections: UnboundedReceiver<Connection>,
    address: SocketAddr,
}

impl Listener for Accepted {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let Some((connection, peer)) = self.connections.recv().await else {
                // Nobody accepts any more: the server stops.
                return std::future::pending().await;
            };
            match TcpStream::from_std(connection) {
                Ok(connection) => return (connection, peer),
                Err(error) => tracing::warn!(error = %error, "a connection can't be served"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// A runtime that may be dropped anywhere.
struct Threads(Option<Runtime>);

impl Threads {
    fn spawn<F: Future<Output: Send> + Send + 'static>(&self, future: F) -> tokio::task::JoinHandle<F::Output> {
        self.0.as_ref().expect("it is there until it is dropped").spawn(future)
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
}
