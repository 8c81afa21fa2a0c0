//! Events that are written once and sent many times, each time as another call.

use std::ops::Range;

use anyhow::{Context as _, Result};
use schemas::event::CallData;
use schemas::id::{CallId, CallKey};
use schemas::model::Column;
use schemas::time::Date;
use schemas::value::Value;
use uuid::Uuid;

use super::{Call, Project, dressed, recorded};

const ID: Uuid = Uuid::from_u128(0x1d1d_1d1d_1d1d_4d1d_8d1d_1d1d_1d1d_1d1d);
const TOKEN: &str = "70cecece";
/// 2001-02-03T04:05:06.007Z.
const CREATED: Date = Date(981_173_106_007);

/// The JSON of an event with the places of what differs from call to call.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    json: Vec<u8>,
    ids: Vec<Range<usize>>,
    tokens: Vec<Range<usize>>,
    dates: Vec<Range<usize>>,
}

/// What makes a call of a template.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub(crate) id: CallId,
    /// Eight bytes that no other call's text has.
    pub(crate) token: String,
    pub(crate) created: Date,
}

impl Template {
    /// The pattern as a call of the project, told by one event.
    pub(crate) fn new(project: &Project, pattern: CallData) -> Result<Self> {
        let mut data = dressed(pattern, CREATED, TOKEN);
        // Ingest takes the event's time for it.
        data.created_at = None;
        data.claim(Column::RequestStartedAt, Value::Date(CREATED));
        let call = Call { number: 0, key: CallKey { project: project.id, call: CallId(ID) }, created: CREATED, data };
        let json = recorded(&call).encode();
        let ids = places(&json, ID.as_hyphenated().to_string().as_bytes());
        let tokens = places(&json, TOKEN.as_bytes());
        let dates = places(&json, CREATED.to_string().as_bytes());
        // The id stands in the event's id and subject; the date in its time, the call's start and its end.
        (ids.len() == 2 && tokens.len() == 1 && dates.len() == 3)
            .then_some(Self { json, ids, tokens, dates })
            .context("a pattern holds the marks of templates")
    }

    /// Appends the event of one call.
    pub(crate) fn write(&self, stamp: &Stamp, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(&self.json);
        let written = to.get_mut(start..).unwrap_or_default();
        let mut put = |places: &[Range<usize>], text: &[u8]| {
            for place in places {
                if let Some(place) = written.get_mut(place.clone()).filter(|place| place.len() == text.len()) {
                    place.copy_from_slice(text);
                }
            }
        };
        put(&self.ids, stamp.id.to_string().as_bytes());
        put(&self.tokens, stamp.token.as_bytes());
        put(&self.dates, stamp.created.to_string().as_bytes());
    }

    pub(crate) fn bytes(&self) -> usize {
        self.json.len()
    }
}

fn places(text: &[u8], part: &[u8]) -> Vec<Range<usize>> {
    let found = text.windows(part.len()).enumerate().filter(|(_, window)| *window == part);
    found.map(|(at, window)| at..at + window.len()).collect()
}

#[cfg(test)]
mod tests {
    use schemas::event::decode_structured;
    use schemas::time::Timestamp;

    use super::super::{Corpus, projects};
    use super::*;

    #[test]
    fn each_stamp_makes_another_call_that_ingest_takes() {
        let corpus = Corpus::new(None, 1, Date(0));
        let pattern = corpus.patterns().expect("no file").next().expect("endless").expect("no file");
        let template = Template::new(&projects()[3], pattern).expect("a template");
        for number in 1..3_u128 {
            let stamp = Stamp {
                id: CallId(Uuid::from_u128(number)),
                token: format!("{number:08}"),
                created: Date(1_760_000_000_123),
            };
            let mut json = Vec::new();
            template.write(&stamp, &mut json);
            assert_eq!(json.len(), template.bytes());
            let event = decode_structured(&json).expect("valid");
            assert_eq!(event.call, Some(stamp.id));
            assert_eq!(event.time.map(Timestamp::date), Some(stamp.created));
            assert_eq!(event.project, Some(projects()[3].id));
            let prompt = event.data.claimed(Column::RequestPrompt).and_then(Value::as_text).expect("a prompt");
            assert!(prompt.ends_with(&format!("[ref {}]", stamp.token)), "{prompt}");
        }
    }
}
