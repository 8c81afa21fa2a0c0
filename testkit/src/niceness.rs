//! The priorities of threads, which only Linux has.

use std::fs;

/// Those of this process's threads whose name begins so, as `nice` counts them.
pub fn niceness_of(name: &str) -> Vec<i64> {
    let threads = fs::read_dir("/proc/self/task").expect("Linux");
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    let named = stats.filter(|stat| stat.contains(&format!("({name}")));
    // The seventeenth field behind the name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    named.filter_map(|stat| stat.rsplit_once(") ")?.1.split(' ').nth(16)?.parse().ok()).collect()
}
