//! Lines of a file, plain or gzip, with a bound on what one line may take.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use schemas::limits::EVENT_BYTES;

/// The first bytes of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BUFFER_BYTES: usize = 256 * 1024;
/// An object of this size or more makes no event that would be taken, cut or not: the limit, and what envelope,
/// spaces and escapes may make of it.
const LINE_BYTES: usize = 8 * EVENT_BYTES;

/// A line that is not empty, and its number from 1 on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) text: LineText,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LineText {
    Bytes(Vec<u8>),
    /// Longer than any event; passed over without being kept.
    TooLong,
}

/// The file can't be read on.
#[derive(Debug, thiserror::Error)]
#[error("after line {line}")]
pub(crate) struct LinesError {
    line: u64,
    source: io::Error,
}

pub(crate) struct Lines {
    input: Box<dyn BufRead + Send>,
    number: u64,
    greatest: usize,
    failed: bool,
}

/// Lines of an input that is inflated when its first bytes say gzip.
pub(crate) fn open_lines(input: impl Read + Send + 'static) -> io::Result<Lines> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut start = Vec::with_capacity(GZIP_MAGIC.len());
    input.by_ref().take(2).read_to_end(&mut start)?;
    let is_gzip = start == GZIP_MAGIC;
    let whole = BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(start).chain(input));
    let input: Box<dyn BufRead + Send> = if is_gzip {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))
    } else {
        Box::new(whole)
    };
    Ok(Lines { input, number: 0, greatest: LINE_BYTES, failed: false })
}

impl Lines {
    /// The next line; none at the end.
    fn read(&mut self) -> io::Result<Option<LineText>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(self.greatest).unwrap_or(u64::MAX) + 1;
        if self.input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        if bytes.len() > self.greatest && !bytes.ends_with(b"\n") {
            self.skip_line()?;
            return Ok(Some(LineText::TooLong));
        }
        Ok(Some(LineText::Bytes(bytes)))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, LinesError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            match self.read() {
                Ok(None) => return None,
                Ok(Some(text)) => {
                    self.number += 1;
                    let empty = matches!(&text, LineText::Bytes(bytes) if bytes.trim_ascii().is_empty());
                    if !empty {
                        return Some(Ok(Line { number: self.number, text }));
                    }
                }
                Err(source) => {
                    self.failed = true;
                    return Some(Err(LinesError { line: self.number, source }));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("a Vec takes every write");
        encoder.finish().expect("a Vec takes every write")
    }

    fn read(bytes: Vec<u8>) -> Vec<(u64, String)> {
        let lines = open_lines(io::Cursor::new(bytes)).expect("readable");
        lines
            .map(|line| match line.expect("readable") {
                Line { number, text: LineText::Bytes(bytes) } => {
                    (number, String::from_utf8_lossy(bytes.trim_ascii()).into_owned())
                }
                Line { number, text: LineText::TooLong } => (number, "too long".into()),
            })
            .collect()
    }

    #[test]
    fn plain_and_gzip_give_the_same_lines() {
        let text = "{\"a\":1}\r\n\n  \n{\"b\":2}\n{\"c\":3}";
        let expected = [(1, "{\"a\":1}"), (4, "{\"b\":2}"), (5, "{\"c\":3}")].map(|(at, line)| (at, line.to_owned()));
        assert_eq!(read(text.as_bytes().to_vec()), expected);
        assert_eq!(read(gzip(text)), expected);
        let (first, second) = text.split_at(11);
        assert_eq!(read([gzip(first), gzip(second)].concat()), expected, "a file of several parts");
        assert_eq!(read(Vec::new()), []);
        assert_eq!(read(b"x".to_vec()), [(1, "x".to_owned())]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let text = format!("first\n{}\nlast\n{}", "x".repeat(40), "y".repeat(40));
        let mut lines = open_lines(io::Cursor::new(text.into_bytes())).expect("readable");
        lines.greatest = 10;
        let found: Vec<_> = lines.map(|line| line.expect("readable")).collect();
        let bytes = |text: &str| LineText::Bytes(text.as_bytes().to_vec());
        let expected = [bytes("first\n"), LineText::TooLong, bytes("last\n"), LineText::TooLong];
        assert_eq!(found.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(found.into_iter().map(|line| line.text).eq(expected));
    }

    #[test]
    fn a_cut_gzip_file_says_after_which_line() {
        let mut bytes = gzip("{\"a\":1}\n{\"b\":2}\n");
        bytes.truncate(bytes.len() - 6);
        let results: Vec<_> = open_lines(io::Cursor::new(bytes)).expect("readable").collect();
        assert!(results.last().is_some_and(Result::is_err), "{results:?}");
    }
}
