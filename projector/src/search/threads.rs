//! The threads that reads run on: few, and the same again and again, so that what the allocator keeps for each is
//! bounded.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use schemas::access::ReadScope;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::spent::Spent;

/// How long a thread waits for the next read before it ends.
const KEPT: Duration = Duration::from_hours(1);

/// Whoever has read much of late reads on threads of its own. The system lets a thread that has slept go first, so that
/// the others wait for no core that a long read has.
#[derive(Debug)]
pub(crate) struct ReadThreads {
    spent: Arc<Spent>,
    little: Threads,
    much: Threads,
}

impl ReadThreads {
    /// For so many reads at once; more wait.
    pub(crate) fn new(reads: usize) -> io::Result<Self> {
        let (little, much) = (Threads::new("read", reads)?, Threads::new("read-much", reads)?);
        Ok(Self { spent: Arc::default(), little, much })
    }

    pub(crate) fn run<T: Send + 'static>(
        &self,
        scope: ReadScope,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let threads = if self.spent.is_much(scope) { &self.much } else { &self.little };
        let spent = Arc::clone(&self.spent);
        threads.run(move || {
            let _spending = Spending { scope, before: processor_time(), spent };
            read()
        })
    }
}

/// Counts what a read takes, however it ends.
struct Spending {
    scope: ReadScope,
    before: Duration,
    spent: Arc<Spent>,
}

impl Drop for Spending {
    fn drop(&mut self) {
        self.spent.add(self.scope, processor_time().saturating_sub(self.before));
    }
}

/// What this thread has had of a processor.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[derive(Debug)]
struct Threads {
    /// Used for its threads that may block. Taken when this is dropped.
    runtime: Option<Runtime>,
}

impl Threads {
    fn new(name: &str, count: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .thread_name(name)
            .max_blocking_threads(count)
            .thread_keep_alive(KEPT)
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    fn run<T: Send + 'static>(&self, read: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.runtime.as_ref().expect("it is there until it is dropped").spawn_blocking(read)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped where nothing may block.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::id::ProjectId;
    use uuid::Uuid;

    use super::*;

    /// The name of the thread that a read of this project runs on, after it was given time.
    async fn thread(threads: &ReadThreads, project: u128, takes: Duration) -> String {
        let scope = ReadScope::Project(ProjectId(Uuid::from_u128(project)));
        let read = move || {
            let before = processor_time();
            while processor_time().saturating_sub(before) < takes {
                std::hint::spin_loop();
            }
            std::thread::current().name().unwrap_or_default().to_owned()
        };
        threads.run(scope, read).await.expect("it ends")
    }

    #[tokio::test]
    async fn whoever_has_read_much_of_late_reads_on_other_threads() {
        let threads = ReadThreads::new(2).expect("threads");
        let (long, short) = (Duration::from_millis(300), Duration::ZERO);
        assert_eq!(thread(&threads, 1, long).await, "read");
        assert_eq!(thread(&threads, 1, short).await, "read-much");
        assert_eq!(thread(&threads, 2, short).await, "read");
    }
}
