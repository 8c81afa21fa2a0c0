//! One llm-log process.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;

/// How long a server may take until `/readyz` says yes.
const READY: Duration = Duration::from_mins(1);
/// How long a server may take to leave after SIGTERM; it promises five seconds.
const LEAVE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(20);
/// Bytes of the log that a failure shows.
const LOG_TAIL: usize = 8 * 1024;

/// A running llm-log. Killed when dropped; a test that fails with one shows the end of its log.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    url: String,
    output: TempDir,
    /// Reads what it says on stderr, when somebody wants to know it at once.
    listening: Option<JoinHandle<()>>,
}

/// How a server ended, and all it said.
#[derive(Debug)]
pub struct ServerExit {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    /// From the signal, or from the call that waited, to the end.
    pub took: Duration,
}

/// A port of 127.0.0.1 that nothing listens on, another at each call.
///
/// # Panics
/// When the machine has no free port.
pub fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the machine has a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        if give_port(port) {
            return port;
        }
    }
}

/// Whether nobody in this process was given the port before.
pub(crate) fn give_port(port: u16) -> bool {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port)
}

impl Server {
    /// `llm-log serve` on a data folder and a free port, with more arguments; comes back when it is ready.
    pub async fn serve<A: AsRef<OsStr>>(binary: &Path, data: &Path, more: &[A]) -> Result<Self> {
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port());
        Self::serve_at(binary, data, listen, more).await
    }

    /// `llm-log serve` on a data folder and this address, with more arguments; comes back when it is ready. Calls of
    /// any date may run for ever, unless an argument says otherwise.
    pub async fn serve_at<A: AsRef<OsStr>>(binary: &Path, data: &Path, listen: SocketAddr, more: &[A]) -> Result<Self> {
        let mut args: Vec<OsString> = vec!["serve".into(), "--data".into(), data.into()];
        args.extend(["--listen".into(), listen.to_string().into()]);
        if !more.iter().any(|argument| argument.as_ref() == "--abandon-after") {
            args.extend(["--abandon-after".into(), "off".into()]);
        }
        args.extend(more.iter().map(|argument| argument.as_ref().to_owned()));
        let server = Self::spawn_at(binary, &args, listen)?;
        server.ready(READY).await?;
        Ok(server)
    }

    /// Any command of llm-log that listens on a port of 127.0.0.1, ready or not.
    pub fn spawn<A: AsRef<OsStr>>(binary: &Path, args: &[A], port: u16) -> Result<Self> {
        Self::spawn_at(binary, args, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    /// The same, with every line that it says on stderr told at once, and by which process.
    pub fn spawn_told<A: AsRef<OsStr>>(
        binary: &Path,
        args: &[A],
        port: u16,
        tell: impl FnMut(Pid, &str) + Send + 'static,
    ) -> Result<Self> {
        let mut server =
            Self::spawn_with(binary, args, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), |_| {
                Ok(Stdio::piped())
            })?;
        let copy = File::create(server.output.path().join("stderr"))?;
        let (said, pid) = (server.child.stderr.take().context("stderr is piped")?, server.pid());
        server.listening = Some(thread::spawn(move || listen_to(said, copy, pid, tell)));
        Ok(server)
    }

    /// The same, with nobody at the other end of its stderr.
    pub fn spawn_unheard<A: AsRef<OsStr>>(binary: &Path, args: &[A], port: u16) -> Result<Self> {
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let mut server = Self::spawn_with(binary, args, listen, |_| Ok(Stdio::piped()))?;
        drop(server.child.stderr.take());
        Ok(server)
    }

    fn spawn_at<A: AsRef<OsStr>>(binary: &Path, args: &[A], listen: SocketAddr) -> Result<Self> {
        Self::spawn_with(binary, args, listen, |output| Ok(File::create(output.join("stderr"))?.into()))
    }

    fn spawn_with<A: AsRef<OsStr>>(
        binary: &Path,
        args: &[A],
        listen: SocketAddr,
        stderr: impl FnOnce(&Path) -> Result<Stdio>,
    ) -> Result<Self> {
        let output = tempfile::tempdir()?;
        let name = args.first().map_or_else(String::new, |name| name.as_ref().to_string_lossy().into_owned());
        let child = Command::new(binary)
            .args(args)
            .stdin(Stdio::null())
            .stdout(File::create(output.path().join("stdout"))?)
            .stderr(stderr(output.path())?)
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let reachable = if listen.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listen.ip() };
        let url = format!("http://{}", SocketAddr::new(reachable, listen.port()));
        Ok(Self { name, child, url, output, listening: None })
    }

    /// Waits until `/readyz` answers 200. An end of the process before that is an error.
    pub async fn ready(&self, deadline: Duration) -> Result<()> {
        let client = self.client();
        let start = Instant::now();
        loop {
            let answer = client.get("/readyz").await;
            if matches!(&answer, Ok(answer) if answer.status == 200) {
                return Ok(());
            }
            if !self.is_running() {
                bail!("llm-log {} ended before it was ready:\n{}", self.name, self.log());
            }
            if start.elapsed() > deadline {
                let said = answer.map_or_else(|error| error.to_string(), |answer| answer.text());
                bail!("llm-log {} is not ready after {deadline:?}: {said}\n{}", self.name, self.log());
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Whether the process lives. A process that ended and was not waited for counts as dead.
    pub fn is_running(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
    }

    /// Where it listens, such as `http://127.0.0.1:8080`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, name: &str) -> String {
        let path: PathBuf = self.output.path().join(name);
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    }

    /// The end of what it said on stdout and stderr.
    pub fn log(&self) -> String {
        let log = format!("{}{}", self.stdout(), self.stderr());
        let start = log.ceil_char_boundary(log.len().saturating_sub(LOG_TAIL));
        log.get(start..).unwrap_or_default().to_owned()
    }

    /// kill -9; the process is gone when this returns, and all that it said is told.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        if let Some(listening) = self.listening.take() {
            // It has nothing to say of how it ended.
            let _ = listening.join();
        }
        Ok(())
    }

    /// SIGSTOP: it does nothing until it is resumed.
    pub fn pause(&self) -> Result<()> {
        Ok(kill_process(self.pid(), Signal::STOP)?)
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<()> {
        Ok(kill_process(self.pid(), Signal::CONT)?)
    }

    /// SIGTERM, as a container's stop sends it, and the end of the process.
    pub async fn terminate(self) -> Result<ServerExit> {
        kill_process(self.pid(), Signal::TERM)?;
        self.exit(LEAVE).await
    }

    /// SIGINT, as Ctrl-C sends it, and the end of the process.
    pub async fn interrupt(self) -> Result<ServerExit> {
        kill_process(self.pid(), Signal::INT)?;
        self.exit(LEAVE).await
    }

    /// Waits for the process to end by itself.
    pub async fn exit(mut self, deadline: Duration) -> Result<ServerExit> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let (stdout, stderr) = (self.stdout(), self.stderr());
                return Ok(ServerExit { status, stdout, stderr, took: start.elapsed() });
            }
            if start.elapsed() > deadline {
                bail!("llm-log {} still runs after {deadline:?}:\n{}", self.name, self.log());
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// Copies what a process says, and tells it line by line.
fn listen_to(said: ChildStderr, mut copy: File, pid: Pid, mut tell: impl FnMut(Pid, &str)) {
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        tell(pid, &line);
        // Without a copy only the log of a failure is shorter.
        let _ = writeln!(copy, "{line}");
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "a test that fails shows the server's log")]
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Nothing can be done about a process that can't be killed.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            eprintln!("--- llm-log {} at {} said:\n{}---", self.name, self.url, self.log());
        }
    }
}
