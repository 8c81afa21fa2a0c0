//! tantivy alone: the least that has to be done with the same events, fields, memory, merges and threads.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use projector::index::document::CallDocument;
use projector::index::schema::CallFields;
use projector::{index_writer, new_index};
use schemas::event::CallEvent;
use schemas::fold::CallState;
use tantivy::directory::MmapDirectory;
use xxhash_rust::xxh3::xxh3_128;

use crate::corpus::Spool;
use crate::process::{Cost, Process};

/// Reads events, makes documents of them and indexes them in a new folder, with one commit at the end. The time is that
/// to the commit; the CPU's includes the merges.
pub(crate) fn raw_index(spool: &Spool, threads: usize, folder: &Path) -> Result<Cost> {
    fs::create_dir_all(folder)?;
    let (begun, cpu) = (Instant::now(), Process::own().cpu_seconds()?);
    let fields = CallFields::new();
    let index = new_index(MmapDirectory::open(folder)?, &fields)?;
    let mut writer = index_writer(&index, threads, None)?;
    for event in spool.read()? {
        let (partition, value) = event?;
        let event = CallEvent::decode(&value)?;
        let key = event.key;
        let state = Arc::new(CallState::of(event, xxh3_128(&value)));
        writer.add_document(CallDocument::new(&fields, key, partition, state))?;
    }
    writer.commit()?;
    let seconds = begun.elapsed().as_secs_f64();
    writer.wait_merging_threads()?;
    let cpu_seconds = Process::own().cpu_seconds()? - cpu;
    fs::remove_dir_all(folder)?;
    Ok(Cost { seconds, cpu_seconds })
}
