//! What commands print for people and scripts.

use std::io::Write as _;

/// Prints a line on standard output at once. Whoever closed it does not want to read it.
pub(crate) fn line(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}");
    let _ = stdout.flush();
}

/// Prints a line on standard error that is no log line.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Says in one line why the command failed.
pub(crate) fn fail(error: &anyhow::Error) {
    remark(&format!("llm-log: {}", one_line(&format!("{error:#}"))));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_with_line_breaks_is_told_in_one_line() {
        assert_eq!(one_line("first\n  second:\tthird\n"), "first second: third");
    }
}
