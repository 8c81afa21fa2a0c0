//! Calls to measure with: those of a file again and again, or made-up ones, as many as are wanted. Nothing but the
//! call at hand is kept in memory, and a call's identity follows from its number, so that any earlier one can be named.

mod events;
mod export;
mod file;
mod generated;
mod projects;
mod sample;
mod spool;
mod template;

pub(crate) use events::{Events, Mix, recorded};
pub(crate) use export::export;
pub(crate) use projects::{Project, project_at, projects};
pub(crate) use sample::{Sampler, Words};
pub(crate) use spool::{LOG_PARTITIONS, Spool};
pub(crate) use template::{Stamp, Template};

use std::path::{Path, PathBuf};

use anyhow::Result;
use schemas::event::CallData;
use schemas::id::{CallId, CallKey};
use schemas::model::Column;
use schemas::time::Date;
use schemas::value::Value;
use uuid::Builder;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The time over which a corpus is spread.
const SPAN_MS: u64 = 30 * 86_400_000;
/// How far calls may be out of order.
const JITTER_MS: u64 = 2000;
/// How far ahead of all others the one call is that is dated in the future.
const FUTURE_MS: i64 = 365 * 86_400_000;
/// How long a call takes when its pattern does not say.
const DURATION_MS: i64 = 1500;

/// What is measured with.
#[derive(Debug, Clone)]
pub(crate) struct Corpus {
    file: Option<PathBuf>,
    calls: u64,
    /// When the last call was created.
    until: Date,
}

/// A call with all that its events say.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) number: u64,
    pub(crate) key: CallKey,
    pub(crate) created: Date,
    pub(crate) data: CallData,
}

impl Corpus {
    pub(crate) fn new(file: Option<&Path>, calls: u64, until: Date) -> Self {
        Self { file: file.map(Path::to_owned), calls, until }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    pub(crate) fn until(&self) -> Date {
        self.until
    }

    /// What tells corpora apart: a file is known by its size, since its path means nothing elsewhere.
    pub(crate) fn name(&self) -> Result<String> {
        Ok(match &self.file {
            Some(file) => format!("file of {} bytes", std::fs::metadata(file)?.len()),
            None => "generated".to_owned(),
        })
    }

    /// What calls say, without end, but for who and when they are.
    pub(crate) fn patterns(&self) -> Result<Patterns> {
        Ok(match &self.file {
            Some(file) => Patterns::File(file::Objects::open(file)?),
            None => Patterns::Generated(Box::new(generated::Writer::new())),
        })
    }

    /// Every call, in the order in which they were published.
    pub(crate) fn all(&self) -> Result<impl Iterator<Item = Result<Call>> + use<>> {
        let corpus = self.clone();
        Ok((0..self.calls).zip(self.patterns()?).map(move |(number, pattern)| Ok(corpus.call(number, pattern?))))
    }

    pub(crate) fn events(&self, mix: Mix) -> Result<Events> {
        Events::new(self, mix)
    }

    /// The pattern as the call with this number.
    pub(crate) fn call(&self, number: u64, pattern: CallData) -> Call {
        let created = self.created(number);
        Call { number, key: self.key(number), created, data: dressed(pattern, created, &token(number)) }
    }

    pub(crate) fn key(&self, number: u64) -> CallKey {
        let project = if self.is_future(number) { 0.0 } else { share(number, 1) };
        let mut random = [0; 10];
        let (high, low) = random.split_at_mut(8);
        high.copy_from_slice(&hash(number, 2).to_be_bytes());
        low.copy_from_slice(hash(number, 3).to_be_bytes().get(..2).unwrap_or_default());
        let millis = u64::try_from(self.created(number).0).unwrap_or_default();
        let call = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        CallKey { project: project_at(project).id, call: CallId(call) }
    }

    pub(crate) fn created(&self, number: u64) -> Date {
        let span = u128::from(SPAN_MS) * u128::from(number) / u128::from(self.calls.max(1));
        let span = i64::try_from(span).unwrap_or_default();
        let jitter = i64::try_from(hash(number, 4) % JITTER_MS).unwrap_or_default();
        let first = self.until.0 - i64::try_from(SPAN_MS + JITTER_MS).unwrap_or_default();
        let ahead = if self.is_future(number) { FUTURE_MS } else { 0 };
        Date(first + span + jitter + ahead)
    }

    /// One producer's clock is wrong: a call of the largest project claims to be of next year.
    fn is_future(&self, number: u64) -> bool {
        number == self.calls / 2
    }
}

/// What calls say.
#[derive(Debug)]
pub(crate) enum Patterns {
    File(file::Objects),
    Generated(Box<generated::Writer>),
}

impl Iterator for Patterns {
    type Item = Result<CallData>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::File(objects) => objects.next(),
            Self::Generated(writer) => Some(Ok(writer.call())),
        }
    }
}

/// The pattern with dates and with a word in its prompt that no other call has.
pub(crate) fn dressed(mut data: CallData, created: Date, token: &str) -> CallData {
    let duration = match data.claimed(Column::DurationMs) {
        Some(Value::Number(duration)) => (*duration).max(1),
        _ => DURATION_MS,
    };
    let prompt = data.claimed(Column::RequestPrompt).and_then(Value::as_text).unwrap_or_default();
    let prompt = format!("{prompt} [ref {token}]");
    data.claim(Column::RequestPrompt, Value::text(prompt));
    data.claim(Column::RequestStartedAt, Value::Date(Date(created.0 - duration)));
    data.claim(Column::RequestCompletedAt, Value::Date(created));
    data.claim(Column::DurationMs, Value::Number(duration));
    (data.created_at, data.updated_at, data.version) = (Some(created), None, None);
    data
}

/// A word of the call's own. Numbers below 2³² have different ones.
pub(crate) fn token(number: u64) -> String {
    let scattered = number.wrapping_mul(2_654_435_761) & 0xffff_ffff;
    format!("{scattered:08x}")
}

/// A number that follows from the call's and looks random; another for each purpose.
fn hash(number: u64, purpose: u64) -> u64 {
    xxh3_64_with_seed(&number.to_le_bytes(), purpose)
}

/// The same, from 0 to just below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are kept, which a double holds")]
fn share(number: u64, purpose: u64) -> f64 {
    (hash(number, purpose) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::projects::PROJECTS;
    use super::*;

    fn corpus(calls: u64) -> Corpus {
        Corpus::new(None, calls, Date(1_760_000_000_000))
    }

    #[test]
    fn every_call_has_an_id_and_a_word_of_its_own_and_the_same_in_every_run() {
        let corpus = corpus(500);
        let calls: Vec<Call> = corpus.all().expect("no file").map(|call| call.expect("no file")).collect();
        let ids: HashSet<_> = calls.iter().map(|call| call.key).collect();
        assert_eq!(ids.len(), 500);
        for (number, call) in (0..).zip(&calls) {
            assert_eq!((call.number, call.key, call.created), (number, corpus.key(number), corpus.created(number)));
            let prompt = call.data.claimed(Column::RequestPrompt).and_then(Value::as_text).expect("a prompt");
            assert!(prompt.ends_with(&format!("[ref {}]", token(number))), "{prompt}");
        }
        let again: Vec<_> = corpus.all().expect("no file").map(|call| call.expect("no file").data).collect();
        assert!(calls.iter().map(|call| &call.data).eq(&again));
    }

    #[test]
    fn calls_are_of_thirty_days_about_in_order_and_one_of_the_largest_project_is_of_the_future() {
        let corpus = corpus(1000);
        let future: Vec<u64> = (0..1000).filter(|number| corpus.created(*number) > corpus.until).collect();
        assert_eq!(future, [500]);
        assert_eq!(corpus.key(500).project, projects()[0].id);
        let days: HashSet<i32> = (0..1000).map(|number| corpus.created(number).day()).collect();
        assert!(days.len() >= 31, "{days:?}");
        assert!(corpus.created(10) < corpus.created(12) && corpus.created(998) < corpus.created(999));
    }

    #[test]
    fn projects_are_skewed() {
        let corpus = corpus(20_000);
        let mut calls: HashMap<_, u64> = HashMap::new();
        (0..20_000).for_each(|number| *calls.entry(corpus.key(number).project).or_default() += 1);
        let of = |project: usize| calls.get(&projects()[project].id).copied().unwrap_or_default();
        assert_eq!(calls.len(), PROJECTS);
        assert!((5000..6200).contains(&of(0)), "{} of the first", of(0));
        assert!((200..350).contains(&of(PROJECTS - 1)), "{} of the last", of(PROJECTS - 1));
    }
}
