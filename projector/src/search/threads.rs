//! The threads that reads run on: few, and the same again and again, so that what the allocator keeps for each is
//! bounded.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// How long a thread waits for the next read before it ends.
const KEPT: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(crate) struct ReadThreads {
    /// Used for its threads that may block. Taken when this is dropped.
    runtime: Option<Runtime>,
}

impl ReadThreads {
    /// For so many reads at once; more wait.
    pub(crate) fn new(reads: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .thread_name("read")
            .max_blocking_threads(reads)
            .thread_keep_alive(KEPT)
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    pub(crate) fn run<T: Send + 'static>(&self, read: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.runtime.as_ref().expect("it is there until it is dropped").spawn_blocking(read)
    }
}

impl Drop for ReadThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped where nothing may block.
            runtime.shutdown_background();
        }
    }
}
