//! Threads that nobody waits for let those go first that somebody waits for.

use std::cell::Cell;
use std::io;

/// tantivy names its threads so, each with a number.
const INDEXING: &str = "thrd-tantivy-index";
const MERGING: &str = "merge_thread";
/// As [nice](https://man7.org/linux/man-pages/man7/sched.7.html) counts it: a third of what another thread gets of a core
/// that both want.
const BEHIND_ANSWERS: i32 = 5;
/// A ninth of what another thread gets.
const BEHIND_ALL: i32 = 10;

/// Lowers the priority of the thread that calls.
pub(crate) fn let_answers_go_first() {
    lower(BEHIND_ANSWERS);
}

/// Lowers the priority of the thread that calls, if it is one of tantivy's that merges, or one of several that index: only
/// a projector that is behind has several.
pub(crate) fn let_others_go_first(indexing: usize) {
    thread_local! {
        static IS_KNOWN: Cell<bool> = const { Cell::new(false) };
    }
    if IS_KNOWN.replace(true) {
        return;
    }
    if let Some(niceness) = std::thread::current().name().and_then(|name| niceness(name, indexing)) {
        lower(niceness);
    }
}

fn lower(niceness: i32) {
    if let Err(error) = set_niceness(niceness) {
        let thread = std::thread::current();
        tracing::debug!(%error, thread = thread.name(), "a thread keeps its priority");
    }
}

#[cfg(target_os = "linux")]
fn set_niceness(niceness: i32) -> io::Result<()> {
    Ok(rustix::process::setpriority_process(Some(rustix::thread::gettid()), niceness)?)
}

#[cfg(not(target_os = "linux"))]
fn set_niceness(_: i32) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has priorities of threads"))
}

/// What a thread of this name gets; none when it keeps its own.
fn niceness(name: &str, indexing: usize) -> Option<i32> {
    if name.starts_with(MERGING) {
        return Some(BEHIND_ALL);
    }
    (indexing > 1 && name.starts_with(INDEXING)).then_some(BEHIND_ANSWERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_threads_that_merge_and_several_that_index_get_another_priority() {
        assert_eq!([1, 2].map(|indexing| niceness("merge_thread_0", indexing)), [Some(BEHIND_ALL); 2]);
        assert_eq!([1, 2].map(|indexing| niceness("thrd-tantivy-index7", indexing)), [None, Some(BEHIND_ANSWERS)]);
        for other in ["segment_updater", "projector-write", "read", "events"] {
            assert_eq!(niceness(other, 2), None, "{other}");
        }
    }
}
