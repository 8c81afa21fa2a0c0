//! LLM Log objects of a file of lines, plain or gzip, from its start again whenever it ends.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use flate2::bufread::MultiGzDecoder;
use schemas::event::{CallData, decode_structured};

const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(crate) struct Objects {
    path: PathBuf,
    lines: Box<dyn BufRead + Send>,
    line: String,
    /// Lines read since the start of the file.
    read: u64,
}

impl Objects {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), lines: lines(path)?, line: String::new(), read: 0 })
    }

    fn object(&mut self) -> Result<CallData> {
        loop {
            self.line.clear();
            if self.lines.read_line(&mut self.line)? == 0 {
                if self.read == 0 {
                    bail!("{} has no calls", self.path.display());
                }
                (self.lines, self.read) = (lines(&self.path)?, 0);
                continue;
            }
            self.read += 1;
            if self.line.trim().is_empty() {
                continue;
            }
            let event = decode_structured(self.line.as_bytes());
            let event = event.with_context(|| format!("{}, line {}", self.path.display(), self.read))?;
            return Ok(event.data);
        }
    }
}

impl Iterator for Objects {
    type Item = Result<CallData>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.object())
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("path", &self.path).field("read", &self.read).finish_non_exhaustive()
    }
}

fn lines(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    let open = || -> std::io::Result<Box<dyn BufRead + Send>> {
        let mut file = File::open(path)?;
        let mut start = Vec::new();
        file.by_ref().take(2).read_to_end(&mut start)?;
        file.rewind()?;
        let file = BufReader::new(file);
        Ok(if start == GZIP { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
    };
    open().with_context(|| format!("{} can't be read", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use schemas::model::Column;
    use schemas::value::Value;

    use super::*;

    fn prompts(bytes: &[u8], count: usize) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("writable");
        let objects = Objects::open(file.path()).expect("readable").take(count);
        let prompt = |data: CallData| data.claimed(Column::RequestPrompt).and_then(Value::as_text).map(str::to_owned);
        objects.map(|object| prompt(object.expect("valid")).expect("a prompt")).collect()
    }

    #[test]
    fn a_file_begins_again_when_it_ends_plain_or_gzip() {
        let text =
            "{\"status\":\"Success\",\"requestPrompt\":\"one\"}\n\n{\"status\":\"Error\",\"requestPrompt\":\"two\"}\n";
        assert_eq!(prompts(text.as_bytes(), 5), ["one", "two", "one", "two", "one"]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).expect("writable");
        assert_eq!(prompts(&gzip.finish().expect("writable"), 3), ["one", "two", "one"]);
    }

    #[test]
    fn a_line_that_is_no_call_and_a_file_without_calls_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.jsonl");
        let first = |text: &str| {
            std::fs::write(&path, text).expect("writable");
            let error = Objects::open(&path).expect("readable").next().expect("endless").expect_err("no call");
            format!("{error:#}")
        };
        assert!(first("\n{\"status\":1}\n").contains("line 2: "), "{}", first("\n{\"status\":1}\n"));
        assert!(first("").ends_with("calls.jsonl has no calls"), "{}", first(""));
    }
}
