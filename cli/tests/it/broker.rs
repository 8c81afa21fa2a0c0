//! A broker of one test's own, which it may stop. Needs what `scripts/kafka` needs.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub(crate) struct Broker {
    port: u16,
    data: TempDir,
}

impl Broker {
    /// One that does not run yet; none, and a line, when tests have no Kafka at all.
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    pub(crate) fn new() -> Option<Self> {
        if testkit::kafka().is_none() {
            println!("skipped: LLM_LOG_TEST_KAFKA names no broker (scripts/test-kafka starts one)");
            return None;
        }
        // The port after it is the controller's.
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        let port = std::iter::repeat_with(testkit::free_port).find(|port| *port < u16::MAX && is_free(port + 1));
        Some(Self { port: port.expect("the search does not end"), data: tempfile::tempdir().expect("a folder") })
    }

    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn script(&self, command: &str) -> bool {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/kafka");
        let mut script = Command::new(script);
        script.args([command, &self.port.to_string()]).env("KAFKA_DATA", self.data.path().join("kafka"));
        script.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Comes back when it answers.
    pub(crate) fn start(&self) {
        assert!(self.script("start"), "the broker does not start");
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&self) {
        assert!(self.script("kill"), "the broker can't be killed");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The folder goes away with its owner.
        self.script("kill");
    }
}
