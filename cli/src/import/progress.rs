//! How far an import has come, on standard error, when a person watches.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Bytes that were read of the file, as it is on disk.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadBytes(Arc<AtomicU64>);

impl ReadBytes {
    pub(super) fn count<R: Read>(&self, input: R) -> impl Read + use<R> {
        Counted { input, bytes: self.clone() }
    }
}

struct Counted<R> {
    input: R,
    bytes: ReadBytes,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.0.fetch_add(u64::try_from(read).unwrap_or_default(), Ordering::Relaxed);
        Ok(read)
    }
}

/// A bar for a file, a spinner for a stream; nothing where standard error is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    read: ReadBytes,
}

impl Progress {
    pub(super) fn new(size: Option<u64>, read: ReadBytes) -> Self {
        let (bar, template) = match size {
            Some(size) => (ProgressBar::new(size), "{bar:30} {percent:>3} %  {msg}  {elapsed_precise}"),
            None => (ProgressBar::no_length(), "{spinner} {bytes}  {msg}  {elapsed_precise}"),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, read }
    }

    pub(super) fn show(&self, acknowledged: u64) {
        self.bar.set_position(self.read.0.load(Ordering::Relaxed));
        self.bar.set_message(format!("{acknowledged} calls"));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
