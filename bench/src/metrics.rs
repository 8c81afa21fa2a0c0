//! What a process says of itself while something is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinHandle;

use crate::http::{Connection, get};
use crate::lab::Running;
use crate::process::Process;

/// How often a process is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// Documents of the index, erased calls among them.
pub(crate) const DOCUMENTS: &str = "llm_log_index_documents";
const SEGMENTS: &str = "llm_log_index_segments";

/// The value of a metric without labels; none when the process does not tell it.
pub(crate) async fn metric(connection: &mut Connection, name: &str) -> Result<Option<f64>> {
    let request = get("/metrics");
    let reply = connection.send(&request).await?;
    let text = std::str::from_utf8(reply.body)?;
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map(|value| value.trim().parse().with_context(|| format!("{name} is a number"))).transpose()
}

/// What was seen, in the order of time.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    pub(crate) anonymous_megabytes: Vec<f64>,
    pub(crate) segments: Vec<f64>,
}

/// Looks at a process until it is told to stop.
#[derive(Debug)]
pub(crate) struct Sampling {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Samples>>,
}

impl Sampling {
    pub(crate) fn start(running: &Running) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(sample(running.process, running.address, Arc::clone(&stop)));
        Self { stop, task }
    }

    pub(crate) async fn end(self) -> Result<Samples> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

async fn sample(process: Process, address: SocketAddr, stop: Arc<AtomicBool>) -> Result<Samples> {
    let mut samples = Samples::default();
    let mut connection = Connection::new(address);
    loop {
        samples.anonymous_megabytes.push(process.anonymous_megabytes()?);
        samples.segments.extend(metric(&mut connection, SEGMENTS).await?);
        if stop.load(Ordering::Relaxed) {
            return Ok(samples);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The greatest of the values.
pub(crate) fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// The means of the second and of the last third. In the first one everything still fills up.
pub(crate) fn later_thirds(values: &[f64]) -> (f64, f64) {
    let third = values.len() / 3;
    let later = values.get(third..).unwrap_or_default();
    let (second, last) = later.split_at(later.len() / 2);
    #[expect(clippy::cast_precision_loss, reason = "samples are few")]
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    (mean(second), mean(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_third_does_not_count() {
        assert_eq!(later_thirds(&[100.0, 1.0, 3.0, 5.0, 7.0]), (2.0, 6.0));
        assert_eq!(later_thirds(&[1.0]), (0.0, 1.0));
        assert!((greatest(&[1.0, 3.0, 2.0]) - 3.0).abs() < f64::EPSILON);
    }
}
