//! Measures how fast the log becomes an index, beside tantivy alone writing the same documents:
//! `measure_ingest FILE [COPIES]`, FILE being LLM Log objects as JSON lines. Every copy of a call has an id of
//! its own. Rates are of event JSON.

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_log::{EmbeddedLog, EmbeddedOptions, EventLog, NewRecord, Topic};
use projector::index::document::CallDocument;
use projector::index::schema::CallFields;
use projector::index::words::register_words;
use projector::{Projector, ProjectorOptions, verify};
use schemas::event::{CallEvent, decode_structured};
use schemas::fold::CallState;
use schemas::id::{CallId, CallKey, LogId, Partition, ProjectId, home_partition};
use schemas::time::{Clock, Timestamp};
use tantivy::indexer::IndexWriterOptions;
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{Index, IndexSettings, IndexWriter};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

const PARTITIONS: NonZeroU32 = NonZeroU32::new(16).expect("not zero");
const BATCH: usize = 1000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("the first argument is a file of calls");
    let copies = arguments.next().map_or(1, |copies| copies.parse().expect("the second argument is a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let values = events(&file, copies);
    let bytes: usize = values.iter().map(|(_, value)| value.len()).sum();
    println!("{} events, {:.1} MB of JSON", values.len(), megabytes(bytes));
    for threads in [1, 2] {
        let raw = measure(|| raw_index(&folder.path().join(format!("raw-{threads}")), &values, threads));
        report(&format!("tantivy alone, {threads} threads"), bytes, raw);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let options = EmbeddedOptions { partitions: PARTITIONS.get(), clock: Clock::system() };
    let log = Arc::new(EmbeddedLog::open(&folder.path().join("log"), options).expect("a log"));
    let mut ends = BTreeMap::new();
    let appended = measure(|| {
        for batch in values.chunks(BATCH) {
            let records = batch.iter().map(|(partition, value)| NewRecord {
                partition: *partition,
                key: Bytes::new(),
                value: Some(value.clone()),
                headers: Vec::new(),
            });
            for position in runtime.block_on(log.append(Topic::Calls, records.collect())).expect("appended") {
                ends.insert(position.partition, position.offset + 1);
            }
        }
    });
    report("appended to the embedded log", bytes, appended);
    let index = folder.path().join("index");
    let options = ProjectorOptions { folder: index.clone(), partitions: None, clock: Clock::system() };
    let mut projector = None;
    let projected = measure(|| {
        let started = Projector::start(options, Arc::clone(&log) as _, LogId(Uuid::nil())).expect("a projector");
        while !started.snapshot().is_some_and(|snapshot| snapshot.checkpoint().has_passed(&ends)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        projector = Some(started);
    });
    report("log to index", bytes, projected);
    let projector = projector.expect("started");
    let snapshot = projector.snapshot().expect("waited for");
    println!("segments: {}", snapshot.searcher().segment_readers().len());
    println!("index: {:.1} MB, log: {:.1} MB", folder_megabytes(&index), folder_megabytes(&folder.path().join("log")));
    let begun = Instant::now();
    let verified = verify(&snapshot, &*log).expect("comparable");
    println!(
        "verified {} calls in {:.1} s: {} differences",
        verified.calls,
        begun.elapsed().as_secs_f64(),
        verified.differences_total
    );
    fresh(&runtime, &log, &projector, &values);
    let begun = Instant::now();
    projector.stop();
    println!("stopped in {:.2} s, resident memory at most {}", begun.elapsed().as_secs_f64(), peak_memory());
}

/// Appends single calls, one after the other, and waits for each to be seen.
fn fresh(runtime: &tokio::runtime::Runtime, log: &EmbeddedLog, projector: &Projector, values: &[(Partition, Bytes)]) {
    let mut times: Vec<f64> = Vec::new();
    for (_, value) in values.iter().take(50) {
        let mut event = CallEvent::decode(value).expect("an event");
        event.key.call = CallId(Uuid::from_u128(event.key.call.0.as_u128() ^ u128::MAX));
        let partition = home_partition(event.key.call, PARTITIONS);
        let record =
            NewRecord { partition, key: Bytes::new(), value: Some(event.encode().into()), headers: Vec::new() };
        let begun = Instant::now();
        let positions = runtime.block_on(log.append(Topic::Calls, vec![record])).expect("appended");
        let wanted = positions.into_iter().map(|position| (position.partition, position.offset + 1)).collect();
        while !projector.snapshot().is_some_and(|snapshot| snapshot.checkpoint().has_passed(&wanted)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    println!("a single call is visible after {:.0} ms (p50), {:.0} ms (p95)", at(50), at(95));
}

fn events(file: &str, copies: u128) -> Vec<(Partition, Bytes)> {
    let lines: Vec<String> =
        BufReader::new(File::open(file).expect("the file")).lines().collect::<Result<_, _>>().expect("lines");
    let mut values = Vec::new();
    for copy in 0..copies {
        for line in &lines {
            let incoming = decode_structured(line.as_bytes()).expect("an LLM Log object");
            let call = incoming.call.expect("an id").0.as_u128() ^ (copy << 64);
            let event = CallEvent {
                id: "measured".into(),
                source: "measure_ingest".into(),
                event_type: incoming.event_type,
                key: CallKey {
                    project: incoming.project.unwrap_or(ProjectId(Uuid::nil())),
                    call: CallId(Uuid::from_u128(call)),
                },
                time: Timestamp(incoming.data.created_at.map_or(0, |date| date.0 * 1000)),
                extensions: Vec::new(),
                data: incoming.data,
            };
            values.push((home_partition(event.key.call, PARTITIONS), event.encode().into()));
        }
    }
    values
}

/// The least that has to be done: read the events, make documents, index them, commit once.
fn raw_index(folder: &Path, values: &[(Partition, Bytes)], threads: usize) {
    fs::create_dir_all(folder).expect("a folder");
    let fields = CallFields::new();
    let settings = IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor::default()),
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    let index =
        Index::builder().schema(fields.schema.clone()).settings(settings).create_in_dir(folder).expect("an index");
    register_words(&index);
    let options = IndexWriterOptions::builder()
        .num_worker_threads(threads)
        .memory_budget_per_thread(250_000_000)
        .num_merge_threads(1)
        .build();
    let mut writer: IndexWriter<CallDocument> = index.writer_with_options(options).expect("a writer");
    for (partition, value) in values {
        let event = CallEvent::decode(value).expect("an event");
        let key = event.key;
        let state = Arc::new(CallState::of(event, xxh3_128(value)));
        writer.add_document(CallDocument::new(&fields, key, *partition, state)).expect("added");
    }
    writer.commit().expect("committed");
}

/// Seconds by the clock and of the processors.
fn measure(work: impl FnOnce()) -> (f64, f64) {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    work();
    (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu)
}

fn report(what: &str, bytes: usize, (seconds, cpu): (f64, f64)) {
    let megabytes = megabytes(bytes);
    println!("{what}: {seconds:.2} s, {:.1} MB/s, {:.1} MB per CPU-second", megabytes / seconds, megabytes / cpu);
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

fn folder_megabytes(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let metadata = entry.metadata().expect("metadata");
            if metadata.is_dir() {
                folder_megabytes(&entry.path())
            } else {
                megabytes(usize::try_from(metadata.len()).expect("small"))
            }
        })
        .sum()
}

/// User and system time of this process, from its hundredths of a second in `/proc`.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / 100.0
}

fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().to_owned()
}
