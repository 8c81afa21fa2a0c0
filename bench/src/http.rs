//! A lean HTTP client: what it costs is taken from what is measured on the same cores, so it does little.

use std::net::SocketAddr;
use std::pin::pin;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;

const HEADERS: usize = 64;
const BUFFER_BYTES: usize = 64 * 1024;
/// Greatest size of an answer.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// A connection to a server, made anew when it was closed.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    /// The header `Llm-Log-Positions`.
    pub(crate) positions: Option<String>,
    pub(crate) body: &'a [u8],
}

#[derive(Debug)]
struct Head {
    status: u16,
    positions: Option<String>,
    /// Where the body begins and ends.
    body: std::ops::Range<usize>,
    close: bool,
}

/// A request as it is sent.
pub(crate) fn post(path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nApiKey: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: Vec::with_capacity(BUFFER_BYTES) }
    }

    /// Sends a request and waits for all of the answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<Reply<'_>> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.address).await.context("the server can't be reached")?;
            stream.set_nodelay(true)?;
            stream
        };
        let (head, whole) = exchange(&mut stream, request, &mut self.buffer).await?;
        if whole && !head.close {
            self.stream = Some(stream);
        }
        let body = self.buffer.get(head.body).unwrap_or_default();
        Ok(Reply { status: head.status, positions: head.positions, body })
    }
}

/// The answer, and whether the request was sent to its end: a server may refuse one before that.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Result<(Head, bool)> {
    let (mut reading, mut writing) = stream.split();
    let mut answer = pin!(read(&mut reading, buffer));
    tokio::select! {
        answer = &mut answer => return Ok((answer?, false)),
        // Whoever refuses may close the connection; the answer says why.
        _ = writing.write_all(request) => {}
    }
    Ok((answer.await?, true))
}

async fn read(stream: &mut ReadHalf<'_>, buffer: &mut Vec<u8>) -> Result<Head> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        if let Some(head) = parse(buffer)? {
            while buffer.len() < head.body.end {
                if stream.read_buf(buffer).await? == 0 {
                    bail!("the server closed the connection within an answer");
                }
            }
            return Ok(head);
        }
    }
}

/// The head of an answer, if all of it is there.
fn parse(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = response.parse(bytes)? else { return Ok(None) };
    let header = |name: &str| {
        let mut headers = response.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let length = header("content-length").context("an answer tells its length")?.parse::<usize>()?;
    if length > ANSWER_BYTES {
        bail!("an answer of {length} bytes");
    }
    Ok(Some(Head {
        status: response.code.context("an answer has a status")?,
        positions: header("llm-log-positions").map(str::to_owned),
        body: start..start + length,
        close: header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
    }))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_head_is_read_when_all_of_it_is_there() {
        let text = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\nLLM-Log-Positions: abc\r\n\r\n{}";
        assert!(parse(&text[..60]).expect("no error").is_none());
        let head = parse(text).expect("no error").expect("all of it");
        assert_eq!((head.status, head.positions.as_deref(), head.close), (429, Some("abc"), false));
        assert_eq!(&text[head.body], b"{}");
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "without a length nobody knows where it ends");
    }

    #[tokio::test]
    async fn a_request_that_is_refused_before_its_end_has_its_answer_and_the_next_gets_another_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = tokio::spawn(async move {
            // Never read to their end, and kept: closing them would take the answer back.
            let mut streams = Vec::new();
            for status in ["429", "200"] {
                let (mut stream, _) = listener.accept().await.expect("a client");
                stream.read_exact(&mut [0; 4]).await.expect("a request");
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("a client");
                streams.push(stream);
            }
            streams
        });
        let mut connection = Connection::new(address);
        let large = post("/", "key", &vec![b' '; 32 << 20]);
        assert_eq!(connection.send(&large).await.expect("an answer").status, 429);
        assert_eq!(connection.send(&get("/")).await.expect("an answer").status, 200);
        assert_eq!(server.await.expect("no panic").len(), 2);
    }
}
