//! A network that misbehaves: every connection to the broker goes through here.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const CHUNK_BYTES: usize = 16 * 1024;

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Whole,
    /// Every piece takes this long.
    Slow(Duration),
    /// Connections stay and nothing comes through.
    Stuck,
    /// Connections are cut and no new one comes about.
    Cut,
    /// One of so many pieces is cut in two, and its connection with it.
    Torn {
        one_of: u32,
    },
}

/// Forwards connections from one port of this machine to another.
#[derive(Debug)]
pub(super) struct Proxy {
    network: watch::Sender<Network>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn start(port: u16, to: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let network = watch::Sender::new(Network::Whole);
        let watched = network.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() != Network::Cut {
                    tokio::spawn(forward(client, to, watched.clone()));
                }
            }
        });
        Ok(Self { network, accepting })
    }

    pub(super) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(client: TcpStream, to: u16, network: watch::Receiver<Network>) {
    let Ok(broker) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    // Either way at its end ends both.
    tokio::select! {
        () = pump(from_client, to_broker, network.clone()) => {}
        () = pump(from_broker, to_client, network) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut network: watch::Receiver<Network>,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = tokio::select! {
            read = from.read(&mut chunk) => read,
            _ = network.wait_for(|network| *network == Network::Cut) => return,
        };
        let Ok(bytes @ 1..) = read else { return };
        let mut whole = chunk.get(..bytes).unwrap_or_default();
        let now = *network.borrow_and_update();
        match now {
            Network::Whole => {}
            Network::Cut => return,
            Network::Slow(time) => tokio::time::sleep(time).await,
            Network::Stuck => {
                if network.wait_for(|network| *network != Network::Stuck).await.is_err() {
                    return;
                }
            }
            Network::Torn { one_of } => {
                if rand::rng().random_range(0..one_of) == 0 {
                    whole = whole.get(..bytes / 2).unwrap_or_default();
                    let _ = to.write_all(whole).await;
                    return;
                }
            }
        }
        if to.write_all(whole).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::free_port;

    /// How long an answer may take that has to come, and one that must not.
    const SOON: Duration = Duration::from_secs(30);
    const A_MOMENT: Duration = Duration::from_millis(200);

    /// A server that answers everything with itself.
    async fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        port
    }

    /// What comes back within this time.
    async fn answer(stream: &mut TcpStream, within: Duration) -> Option<u8> {
        stream.write_all(b"a").await.ok()?;
        let mut byte = [0];
        let read = tokio::time::timeout(within, stream.read_exact(&mut byte)).await;
        read.ok()?.ok().map(|_| byte[0])
    }

    #[tokio::test]
    async fn a_stuck_network_passes_on_later_what_a_cut_one_loses() {
        let port = free_port();
        let proxy = Proxy::start(port, echo().await).await.expect("it starts");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it accepts");
        assert_eq!(answer(&mut stream, SOON).await, Some(b'a'));
        proxy.set(Network::Stuck);
        assert_eq!(answer(&mut stream, A_MOMENT).await, None);
        proxy.set(Network::Whole);
        assert_eq!(answer(&mut stream, SOON).await, Some(b'a'));
        proxy.set(Network::Cut);
        assert_eq!(answer(&mut stream, A_MOMENT).await, None);
        proxy.set(Network::Torn { one_of: 1 });
        let mut torn = TcpStream::connect(("127.0.0.1", port)).await.expect("it accepts");
        assert_eq!(answer(&mut torn, A_MOMENT).await, None);
    }
}
