//! Threads that merge let all others go first: nobody waits for a merge, and commits and reads for the cores it takes.

use std::cell::Cell;

/// tantivy names the threads that merge so, with a number.
const NAME: &str = "merge_thread";
/// As [nice](https://man7.org/linux/man-pages/man7/sched.7.html) counts it: a ninth of what another thread gets of a core
/// that both want.
const NICENESS: i32 = 10;

/// Lowers the priority of the thread that calls, if it is one that merges.
pub(super) fn lower_priority() {
    thread_local! {
        static IS_LOWERED: Cell<bool> = const { Cell::new(false) };
    }
    let is_merging = || std::thread::current().name().is_some_and(|name| name.starts_with(NAME));
    if !IS_LOWERED.get() && is_merging() {
        IS_LOWERED.set(true);
        if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
            tracing::debug!(%error, "a thread that merges keeps its priority");
        }
    }
}
