//! Measures reads of an index in a folder of its own: `measure_reads FILE [COPIES]`, FILE being LLM Log objects as
//! JSON lines. Every copy of a call has an id and a `createdAt` of its own.

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use projector::IndexReader;
use projector::checkpoint::Checkpoint;
use projector::index::document::CallDocument;
use projector::index::schema::CallFields;
use projector::index::words::register_words;
use projector::snapshot::{SharedStatus, Snapshot, SnapshotCell};
use schemas::access::ReadScope;
use schemas::event::{CallEvent, decode_structured};
use schemas::fold::{CallState, FOLD_VERSION};
use schemas::id::{CallId, CallKey, LogId, ProjectId, home_partition};
use schemas::model::Column;
use schemas::query::{Bound, Bounds, Filter, SortBy, SortKey, TextQuery};
use schemas::reader::{CallReader as _, CountRequest, GetRequest, ListRequest, ReadContext, StatsRequest};
use schemas::stats::GroupBy;
use schemas::time::{Date, Timestamp};
use schemas::value::Value;
use tantivy::{Index, IndexWriter};
use tokio::runtime::Runtime;
use uuid::Uuid;

const PARTITIONS: u32 = 16;
const COPY_MS: i64 = 86_400_000;
const TIMES: usize = 30;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("the first argument is a file of calls");
    let copies = arguments.next().map_or(1, |copies| copies.parse().expect("the second argument is a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let fields = CallFields::new();
    let index = Index::create_in_dir(folder.path(), fields.schema.clone()).expect("an index");
    register_words(&index);
    let mut writer: IndexWriter<CallDocument> = index.writer_with_num_threads(2, 200_000_000).expect("a writer");
    let started = Instant::now();
    let mut calls = 0_u64;
    let mut project = ProjectId(Uuid::nil());
    let mut last = CallId(Uuid::nil());
    for copy in 0..copies {
        let lines = BufReader::new(File::open(&file).expect("the file opens")).lines();
        for line in lines {
            let event = event(&line.expect("the file is UTF-8"), copy);
            (project, last) = (event.key.project, event.key.call);
            let partition = home_partition(last, NonZeroU32::new(PARTITIONS).expect("not zero"));
            let key = event.key;
            let state = Arc::new(CallState::of(event, u128::from(calls)));
            writer.add_document(CallDocument::new(&fields, key, partition, state)).expect("added");
            calls += 1;
        }
        writer.commit().expect("committed");
    }
    writer.wait_merging_threads().expect("merged");
    println!("{calls} calls written in {:.1} s", started.elapsed().as_secs_f64());

    let checkpoint = Checkpoint::new(LogId(Uuid::nil()), FOLD_VERSION, 0..PARTITIONS);
    let started = Instant::now();
    let snapshot = Snapshot::open(&index, &fields, checkpoint, None).expect("a snapshot");
    println!(
        "snapshot of {} segments opened in {:.1} ms, {} counters",
        snapshot.searcher().segment_readers().len(),
        started.elapsed().as_secs_f64() * 1e3,
        snapshot.counters().len()
    );
    let cell = Arc::new(SnapshotCell::new((0..PARTITIONS).collect()));
    cell.publish(snapshot);
    let reader = IndexReader::new(cell, Arc::new(SharedStatus::new(LogId(Uuid::nil()), PARTITIONS, Clock::system())));
    let runtime = Runtime::new().expect("a runtime");
    Reads { reader, runtime, scope: ReadScope::Project(project) }.measure(last);
}

fn event(line: &str, copy: u32) -> CallEvent {
    let incoming = decode_structured(line.as_bytes()).expect("a call");
    let call = incoming.call.expect("a call id").0.as_u128() ^ (u128::from(copy) << 8);
    let mut data = incoming.data;
    let started = data.claimed(Column::RequestStartedAt).cloned();
    let at = match (data.created_at, started) {
        (Some(Date(at)), _) | (None, Some(Value::Date(Date(at)))) => at,
        _ => 0,
    };
    let at = at + i64::from(copy) * COPY_MS;
    data.created_at = Some(Date(at));
    CallEvent {
        id: "copy".into(),
        source: "measure_reads".into(),
        event_type: incoming.event_type,
        key: CallKey { project: incoming.project.expect("a project"), call: CallId(Uuid::from_u128(call)) },
        time: Timestamp::from_millis(at),
        extensions: Vec::new(),
        data,
    }
}

struct Reads {
    reader: IndexReader,
    runtime: Runtime,
    scope: ReadScope,
}

impl Reads {
    fn measure(&self, call: CallId) {
        let everything = Filter::everything;
        let text = |query| Filter::FullText(vec![Column::RequestPrompt, Column::ResponsePreview], query);
        let term = |word: &str| text(TextQuery::Term(word.to_owned()));
        let failed = || Filter::Equal(Column::Status, Value::text("Error"));
        let feature = || Filter::Equal(Column::Feature, Value::text("Release Notes"));
        let by = |column, descending| vec![SortKey::of_column(column, descending)];
        let newest = SortKey::newest_first;
        println!("{:60} {:>9} {:>9} {:>9}  answer", "read", "first ms", "p50 ms", "max ms");
        self.list("newest 10", everything(), newest(), 0, false);
        self.list("newest 10 and count", everything(), newest(), 0, true);
        self.list("newest 10 of status Error and count", failed(), newest(), 0, true);
        self.list("newest 10 of a feature and count", feature(), newest(), 0, true);
        self.list("oldest 10", everything(), by(Column::CreatedAt, false), 0, false);
        self.list("newest, skip 190 000", everything(), newest(), 190_000, true);
        self.list("newest, skip beyond the end", everything(), newest(), 10_000_000, true);
        self.list("10 by durationMs descending", everything(), by(Column::DurationMs, true), 0, true);
        self.list("10 by modelName", everything(), by(Column::ModelName, false), 0, true);
        self.list("10 by requestPrompt", everything(), by(Column::RequestPrompt, false), 0, true);
        self.count("count of the project", everything());
        self.count("count of a status", failed());
        self.count("count of a feature", feature());
        let slow = Bound { value: Value::Number(5000), inclusive: true };
        let slow = Filter::Range(Column::DurationMs, Bounds { lower: Some(slow), upper: None });
        self.count("count of durationMs >= 5000", Filter::All(vec![slow, feature()]));
        self.list("full text: a frequent word, newest 10", term("the"), newest(), 0, false);
        self.list("full text: a frequent word, newest 10 and count", term("the"), newest(), 0, true);
        self.list("full text: a rare word, newest 10 and count", term("kubernetes"), newest(), 0, true);
        let phrase = text(TextQuery::Phrase("of the".to_owned()));
        self.list("full text: phrase \"of the\", newest 10", phrase.clone(), newest(), 0, false);
        self.list("full text: phrase \"of the\", newest 10 and count", phrase, newest(), 0, true);
        let prefix = text(TextQuery::Prefix("comput".to_owned()));
        self.list("full text: comput*, newest 10 and count", prefix, newest(), 0, true);
        let relevance = vec![SortKey { by: SortBy::Relevance, descending: true, nulls_first: true }];
        self.list("full text: a rare word, 10 by relevance", term("kubernetes"), relevance.clone(), 0, true);
        self.list("full text: a frequent word, 10 by relevance", term("the"), relevance, 0, true);
        let model = [GroupBy::Column(Column::ModelName), GroupBy::Day];
        self.stats("stats by model and day (counters)", everything(), &model, false);
        self.stats("stats by model and day with percentiles (columns)", everything(), &model, true);
        self.stats("stats by feature (columns)", everything(), &[GroupBy::Column(Column::Feature)], false);
        self.stats("stats by user of a status (columns)", failed(), &[GroupBy::Column(Column::UserId)], false);
        Self::time("get-item", || {
            let request = GetRequest { context: self.context(), call, columns: Column::ALL.into_iter().collect() };
            let answer = self.runtime.block_on(self.reader.get(request)).expect("an answer");
            u64::from(answer.content.is_some())
        });
    }

    fn context(&self) -> ReadContext {
        ReadContext { scope: self.scope, partitions: None, wait_for: None, timeout: Duration::from_mins(1) }
    }

    fn list(&self, name: &str, filter: Filter, sort: Vec<SortKey>, skip: u64, count: bool) {
        let columns = Column::ALL.into_iter().filter(|column| column.relation().is_none()).collect();
        let request =
            ListRequest { context: self.context(), filter, sort, skip, limit: 10, after: None, columns, count };
        Self::time(name, || {
            let page = self.runtime.block_on(self.reader.list(request.clone())).expect("an answer").content;
            page.count.unwrap_or(page.rows.len() as u64)
        });
    }

    fn count(&self, name: &str, filter: Filter) {
        let request = CountRequest { context: self.context(), filter };
        Self::time(name, || self.runtime.block_on(self.reader.count(request.clone())).expect("an answer").content);
    }

    fn stats(&self, name: &str, filter: Filter, group_by: &[GroupBy], percentiles: bool) {
        let request = StatsRequest { context: self.context(), filter, group_by: group_by.to_vec(), percentiles };
        Self::time(name, || {
            let groups = self.runtime.block_on(self.reader.stats(request.clone())).expect("an answer").content;
            groups.len() as u64
        });
    }

    fn time(name: &str, mut read: impl FnMut() -> u64) {
        let mut answer = 0;
        let mut times: Vec<f64> = (0..TIMES)
            .map(|_| {
                let started = Instant::now();
                answer = read();
                started.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        let first = times.first().copied().unwrap_or_default();
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times.get((times.len() - 1) * share / 100).copied().unwrap_or_default();
        println!("{name:60} {first:9.3} {:9.3} {:9.3}  {answer}", at(50), at(100));
    }
}
