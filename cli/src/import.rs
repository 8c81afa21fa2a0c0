//! `import`: LLM Log objects of a file, published.

mod batch;
mod lines;
mod progress;
mod summary;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::args::ImportArgs;
use crate::client::{Client, Publisher};
use crate::{Outcome, output};
use batch::{Batch, publish};
use lines::{Lines, LinesError};
use progress::Progress;
use summary::Summary;

pub(crate) use lines::{LineText, open_lines};

/// Batches that wait for their acknowledgement at once.
const BATCHES: usize = 8;
/// How long to go on when the server can't take events.
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) async fn import(args: ImportArgs) -> anyhow::Result<Outcome> {
    let publisher = Publisher::new(Client::new(&args.server.url, args.server.key)?, PATIENCE);
    let name = args.file.display().to_string();
    let (lines, read_bytes, size) = open(&args.file).with_context(|| format!("{name} can't be read"))?;
    let progress = Arc::new(Progress::new(size, read_bytes));
    let started = Instant::now();
    let (batches, received) = mpsc::channel(BATCHES);
    let reading = tokio::task::spawn_blocking(move || read_batches(lines, &batches));
    let mut publishing = tokio_stream(received).map(|batch| publish(&publisher, batch)).buffer_unordered(BATCHES);
    let mut summary = Summary::default();
    let mut fatal = None;
    while let Some(published) = publishing.next().await {
        match published {
            Ok(part) => {
                summary.add(part);
                progress.show(summary.acknowledged);
            }
            Err(error) => {
                fatal = Some(error);
                break;
            }
        }
    }
    drop(publishing);
    if let Some(error) = fatal {
        // Whoever reads may wait for lines that nobody needs any more.
        progress.end();
        output::line(&summary.tell(started.elapsed()));
        return Err(error.context("not all lines were imported; importing the file again does no harm"));
    }
    let read = reading.await?;
    progress.end();
    output::line(&summary.tell(started.elapsed()));
    read.with_context(|| format!("{name} can't be read to its end"))?;
    Ok(if summary.refused.is_empty() { Outcome::Done } else { Outcome::Bad })
}

fn tokio_stream(mut received: mpsc::Receiver<Batch>) -> impl futures::Stream<Item = Batch> {
    futures::stream::poll_fn(move |context| received.poll_recv(context))
}

fn open(path: &Path) -> std::io::Result<(Lines, progress::ReadBytes, Option<u64>)> {
    let counted = progress::ReadBytes::default();
    if path == Path::new("-") {
        return Ok((open_lines(counted.count(std::io::stdin()))?, counted, None));
    }
    let file = std::fs::File::open(path)?;
    let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    Ok((open_lines(counted.count(file))?, counted, size))
}

/// Reads until the end, or until nobody wants more.
fn read_batches(lines: Lines, batches: &mpsc::Sender<Batch>) -> Result<(), LinesError> {
    let mut batch = Batch::default();
    for line in lines {
        let line = line?;
        batch.add(line);
        if batch.is_full() && batches.blocking_send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        // Whoever went away has said why.
        let _ = batches.blocking_send(batch);
    }
    Ok(())
}
