//! Pages served by this process, on threads of their own.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::channel;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// What an append is answered with, about as long as llm-log's answer.
const RECEIPT: &str = r#"{"items":[{"callId":"67e55044-10b1-426f-9247-bb680e5fe0c8","eventId":"67e55044-10b1-426f-9247-bb680e5fe0c8-recorded","partition":3,"offset":13}],"position":"EAmlIpTTw0wdq3cpVO9nubwBAw4A"}"#;

/// As large as a list's answer.
const PAGE_BYTES: usize = 4096;

/// A server of this process; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Web {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// Nothing but axum: reads bodies that are appended, and has one page to answer queries with.
pub(crate) fn bare() -> Router {
    let page = Bytes::from(vec![b' '; PAGE_BYTES]);
    let json = || [(header::CONTENT_TYPE, "application/json")];
    let append = async move |_body: Bytes| (json(), RECEIPT);
    let answer = async move || (json(), page.clone());
    Router::new().route("/v1/events", post(append)).route("/page", get(answer))
}

/// Bare axum that makes bodies durable without looking at them: one thread writes those that wait to a file, syncs it, and
/// has them answered.
pub(crate) fn syncing(mut file: File) -> Result<Router> {
    let (waiting, bodies) = channel::<(Bytes, oneshot::Sender<()>)>();
    let write = move || -> io::Result<()> {
        let mut bytes = Vec::new();
        while let Ok(first) = bodies.recv() {
            let together: Vec<_> = std::iter::once(first).chain(bodies.try_iter()).collect();
            bytes.clear();
            for (body, _) in &together {
                bytes.extend_from_slice(body);
            }
            file.write_all(&bytes)?;
            file.sync_data()?;
            for (_, answered) in together {
                // Whoever no longer waits does not need the answer.
                let _ = answered.send(());
            }
        }
        Ok(())
    };
    std::thread::Builder::new().name("bench-sync".into()).spawn(write)?;
    let append = async move |body: Bytes| {
        let (answered, answer) = oneshot::channel();
        waiting.send((body, answered)).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        answer.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok::<_, StatusCode>(([(header::CONTENT_TYPE, "application/json")], RECEIPT))
    };
    Ok(Router::new().route("/v1/events", post(append)))
}

impl Web {
    pub(crate) fn start(pages: Router) -> Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().thread_name("bench-web").build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let _guard = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        runtime.spawn(async move { axum::serve(listener, pages).await });
        Ok(Self { address, runtime: Some(runtime) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped where nothing may block.
            runtime.shutdown_background();
        }
    }
}
