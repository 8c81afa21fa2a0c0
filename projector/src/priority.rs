//! What keeps the index up to date lets those go first whom somebody waits for, and what merges lets all others.

use std::cell::Cell;

/// As [nice](https://man7.org/linux/man-pages/man7/sched.7.html) counts it: a third of what a thread that answers gets of
/// a core that both want.
const BEHIND_ANSWERS: i32 = 5;
/// A third of that, and a ninth of what a thread that answers gets.
const BEHIND_ALL: i32 = 10;
/// tantivy names the threads that merge so, with a number.
const MERGING: &str = "merge_thread";

/// Lowers the priority of the thread that calls, and of all that it starts: those of tantivy and those that read the log.
pub(crate) fn let_answers_go_first() {
    lower(BEHIND_ANSWERS);
}

/// Lowers the priority of the thread that calls, if it is one that merges.
pub(crate) fn let_all_go_before_merges() {
    thread_local! {
        static IS_LOWERED: Cell<bool> = const { Cell::new(false) };
    }
    let is_merging = || std::thread::current().name().is_some_and(|name| name.starts_with(MERGING));
    if !IS_LOWERED.get() && is_merging() {
        IS_LOWERED.set(true);
        lower(BEHIND_ALL);
    }
}

fn lower(niceness: i32) {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), niceness) {
        let thread = std::thread::current();
        tracing::debug!(%error, thread = thread.name(), "a thread keeps its priority");
    }
}
