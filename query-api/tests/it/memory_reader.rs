//! A reader that looks at every call it has: slow, and plain enough to be right.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Mutex;

use async_trait::async_trait;
use schemas::access::ReadScope;
use schemas::event::CallEvent;
use schemas::fold::{CallState, LiveCall};
use schemas::id::{CallKey, LogId, Partition, home_partition};
use schemas::model::{Column, ColumnSet};
use schemas::positions::Positions;
use schemas::query::{Filter, Frequencies, SortBy, SortKey, SortPosition, SortValue, TextQuery};
use schemas::reader::{
    Answer, CallReader, CountRequest, GetRequest, ListPage, ListRequest, ReadContext, ReadError, ReaderStatus,
    SortedRow, StatsRequest,
};
use schemas::row::{Row, value};
use schemas::stats::{Durations, Group, GroupBy, Groups, StatsPage, Totals, is_error};
use schemas::time::Date;
use schemas::value::Value;
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub(crate) const PARTITIONS: u32 = 4;

/// A call and what it is called by.
pub(crate) type Call = (CallKey, LiveCall);

#[derive(Debug)]
pub(crate) struct MemoryReader {
    calls: Vec<Call>,
    serving: BTreeSet<Partition>,
    /// What every read answers instead, once set.
    pub(crate) failure: Mutex<Option<ReadError>>,
    /// How many lists were asked for, with how many rows at most.
    pub(crate) lists: Mutex<Vec<(u32, ColumnSet)>>,
    pub(crate) lag_ms: u64,
    /// The contexts of all reads but `status`.
    pub(crate) contexts: Mutex<Vec<ReadContext>>,
}

/// The call that an object in the form of the API describes.
pub(crate) fn call(object: &Json) -> Call {
    let mut data = object.clone();
    let id = data.as_object_mut().expect("an object").remove("_id").expect("an id");
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "test", "type": "llm-log.call.recorded",
        "subject": id, "time": object["createdAt"], "data": data,
    });
    let event = CallEvent::decode(event.to_string().as_bytes()).expect("a valid event");
    let key = event.key;
    match CallState::of(event, 1) {
        CallState::Live(call) => (key, call),
        CallState::Erased => panic!("a recorded call is live"),
    }
}

impl MemoryReader {
    pub(crate) fn new(calls: Vec<Call>) -> Self {
        Self::of_partitions(calls, 0..PARTITIONS)
    }

    /// A reader that has these partitions only, and the calls that live there.
    pub(crate) fn of_partitions(calls: Vec<Call>, serving: impl IntoIterator<Item = Partition>) -> Self {
        let serving: BTreeSet<Partition> = serving.into_iter().collect();
        let calls = calls.into_iter().filter(|(key, _)| serving.contains(&home(*key))).collect();
        Self {
            calls,
            serving,
            failure: Mutex::default(),
            lists: Mutex::default(),
            lag_ms: 0,
            contexts: Mutex::default(),
        }
    }

    pub(crate) fn fail(&self, error: ReadError) {
        *self.failure.lock().expect("no test panics while it holds this") = Some(error);
    }

    fn matching(&self, context: &ReadContext, filter: &Filter) -> Result<Vec<&Call>, ReadError> {
        self.contexts.lock().expect("no test panics while it holds this").push(context.clone());
        if let Some(error) = self.failure.lock().expect("no test panics while it holds this").clone() {
            return Err(error);
        }
        if let Some(missing) = context.partitions.as_ref().map(|asked| asked - &self.serving).filter(|p| !p.is_empty())
        {
            return Err(ReadError::Unavailable { partitions: missing });
        }
        let asked = |key: CallKey| context.partitions.as_ref().is_none_or(|asked| asked.contains(&home(key)));
        let in_scope = |key: CallKey| match context.scope {
            ReadScope::Project(project) => key.project == project,
            ReadScope::EveryProject => true,
        };
        let calls = self.calls.iter().filter(|(key, _)| asked(*key) && in_scope(*key));
        Ok(calls.filter(|call| holds(filter, call)).collect())
    }

    fn answer<T>(&self, content: T) -> Answer<T> {
        let partitions = self.serving.iter().map(|partition| (*partition, 7)).collect();
        Answer { content, positions: Positions { log: log(), partitions, reference: None }, lag_ms: self.lag_ms }
    }
}

pub(crate) fn log() -> LogId {
    LogId(Uuid::from_u128(0x10))
}

fn home(key: CallKey) -> Partition {
    home_partition(key.call, NonZeroU32::new(PARTITIONS).expect("not zero"))
}

fn holds(filter: &Filter, call: &Call) -> bool {
    let of = |column: &Column| value(call.0, &call.1, *column);
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| holds(filter, call)),
        Filter::Any(filters) => filters.iter().any(|filter| holds(filter, call)),
        Filter::Not(filter) => !holds(filter, call),
        Filter::Null(column) => of(column).is_null(),
        Filter::Equal(column, wanted) => of(column) == *wanted && !wanted.is_null(),
        Filter::OneOf(column, wanted) => !of(column).is_null() && wanted.contains(&of(column)),
        Filter::Range(column, bounds) => bounds.contains(&of(column)),
        Filter::Like(columns, pattern) => {
            let mut matcher = pattern.matcher();
            columns.iter().any(|column| matcher.matches_value(&of(column)))
        }
        Filter::FullText(columns, query) => {
            let texts: Vec<Vec<String>> =
                columns.iter().map(|column| words(of(column).as_text().unwrap_or(""))).collect();
            has_text(query, &texts)
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn has_text(query: &TextQuery, texts: &[Vec<String>]) -> bool {
    let has_phrase = |text: &str| {
        let phrase = words(text);
        texts.iter().any(|words| words.windows(phrase.len()).any(|window| window == phrase))
    };
    match query {
        TextQuery::All(parts) => parts.iter().all(|part| has_text(part, texts)),
        TextQuery::Any(parts) => parts.iter().any(|part| has_text(part, texts)),
        TextQuery::Not(part) => !has_text(part, texts),
        TextQuery::Term(text) | TextQuery::Phrase(text) => has_phrase(text),
        TextQuery::Prefix(text) => {
            texts.iter().flatten().any(|word| words(text).iter().any(|start| word.starts_with(start)))
        }
    }
}

fn position(call: &Call, keys: &[SortKey]) -> SortPosition {
    let of = |column| value(call.0, &call.1, column);
    let values = keys.iter().map(|key| match &key.by {
        SortBy::Column(column) => SortValue::Value(of(*column)),
        SortBy::Related(field) => SortValue::Value(match of(field.relation().id_column()) {
            Value::Id(id) => field.rank(call.0.project, id).map_or(Value::Null, |rank| field.value(rank).clone()),
            _ => Value::Null,
        }),
        SortBy::Relevance => SortValue::Score(1.0),
    });
    SortPosition { values: values.collect(), id: call.0.call.0, project: call.0.project }
}

fn group(call: &Call, by: GroupBy) -> Value {
    match by {
        GroupBy::Column(column) => value(call.0, &call.1, column),
        GroupBy::Day => match value(call.0, &call.1, Column::CreatedAt) {
            Value::Date(date) => Value::Date(Date(i64::from(date.day()) * 86_400_000)),
            other => other,
        },
    }
}

fn totals(call: &Call) -> Totals {
    let number = |column| match value(call.0, &call.1, column) {
        Value::Number(number) => i128::from(number),
        Value::Cents(amount) => i128::from(amount.0),
        _ => 0,
    };
    let status = value(call.0, &call.1, Column::Status);
    Totals {
        calls: 1,
        errors: i128::from(status.as_text().is_some_and(is_error)),
        total_tokens: number(Column::TotalTokens),
        completion_tokens: number(Column::CompletionTokens),
        cached_input_tokens: number(Column::CachedInputTokens),
        cache_creation_tokens: number(Column::CacheCreationTokens),
        cost_nano_usd: number(Column::CostInUsdCents),
    }
}

#[async_trait]
impl CallReader for MemoryReader {
    async fn list(&self, request: ListRequest) -> Result<Answer<ListPage>, ReadError> {
        self.lists.lock().expect("no test panics while it holds this").push((request.limit, request.columns));
        let mut calls = self.matching(&request.context, &request.filter)?;
        let count = u64::try_from(calls.len()).expect("few calls");
        let order = |a: &SortPosition, b: &SortPosition| a.compare(b, &request.sort);
        calls.sort_by(|a, b| order(&position(a, &request.sort), &position(b, &request.sort)));
        let rows = calls.into_iter().map(|call| SortedRow {
            position: position(call, &request.sort),
            row: Row::of(call.0, &call.1, request.columns),
        });
        let rows = rows.filter(|row| request.after.as_ref().is_none_or(|after| order(after, &row.position).is_lt()));
        let skip = usize::try_from(request.skip).unwrap_or(usize::MAX);
        let rows = rows.skip(skip).take(usize::try_from(request.limit).expect("fits")).collect();
        Ok(self.answer(ListPage { rows, count: request.count.then_some(count) }))
    }

    async fn get(&self, request: GetRequest) -> Result<Answer<Option<Row>>, ReadError> {
        let calls = self.matching(&request.context, &Filter::everything())?;
        let found = calls.into_iter().find(|(key, _)| key.call == request.call);
        Ok(self.answer(found.map(|(key, call)| Row::of(*key, call, request.columns))))
    }

    async fn count(&self, request: CountRequest) -> Result<Answer<u64>, ReadError> {
        let count = self.matching(&request.context, &request.filter)?.len();
        Ok(self.answer(u64::try_from(count).expect("few calls")))
    }

    async fn frequencies(&self, request: CountRequest) -> Result<Answer<Frequencies>, ReadError> {
        let count = |filter| self.matching(&request.context, filter).map(|calls| calls.len() as u64);
        let words = request.filter.scoring_words();
        let with_word = words.iter().map(count).collect::<Result<_, _>>()?;
        Ok(self.answer(Frequencies { calls: count(&Filter::everything())?, with_word }))
    }

    async fn stats(&self, request: StatsRequest) -> Result<Answer<StatsPage>, ReadError> {
        let mut groups = Groups::new();
        for call in self.matching(&request.context, &request.filter)? {
            let values = request.group_by.iter().map(|by| group(call, *by)).collect();
            let mut durations = request.percentiles.then(Durations::default);
            if let (Some(durations), Value::Number(ms)) = (&mut durations, value(call.0, &call.1, Column::DurationMs)) {
                durations.record(ms);
            }
            groups.entry(values).or_default().merge(&Group { totals: totals(call), durations });
        }
        Ok(self.answer(StatsPage::of(groups, request.limit)))
    }

    async fn status(&self) -> Result<ReaderStatus, ReadError> {
        if let Some(error) = self.failure.lock().expect("no test panics while it holds this").clone() {
            return Err(error);
        }
        Ok(ReaderStatus {
            log: Some(log()),
            partitions_total: PARTITIONS,
            serving: self.serving.iter().map(|partition| (*partition, 7)).collect(),
            unavailable: BTreeSet::new(),
            caught_up: true,
            lag_ms: Some(self.lag_ms),
        })
    }
}
