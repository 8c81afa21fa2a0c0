//! What people see.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

/// A line of the result.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// What goes on now, beside the result.
pub(crate) fn progress(text: &str) {
    eprintln!("bench: {text}");
}
