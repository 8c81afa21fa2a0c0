//! Made-up calls: the same seed gives the same.

mod texts;

pub use texts::{SAMPLE_TEXTS, SampleText};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use schemas::event::{CallData, CallEvent, CallEventType};
use schemas::id::{CallId, CallKey, ProjectId};
use schemas::model::Column;
use schemas::money::NanoUsd;
use schemas::time::{Date, Timestamp};
use schemas::value::Value;
use uuid::{Builder, Uuid};

/// Models, with the type of their provider and the price of a thousand tokens in nano-dollars.
const MODELS: &[(&str, &str, i64)] = &[
    ("gpt-4o", "OpenAI", 5_000_000),
    ("gpt-4o-mini", "AzureOpenAI", 300_000),
    ("claude-3-opus", "Anthropic", 15_000_000),
    ("claude-3-haiku", "Anthropic", 700_000),
    ("llama-3.1-70b", "Groq", 600_000),
    ("mistral-large", "Mistral", 3_000_000),
    ("qwen2.5:14b", "Ollama", 0),
];
const FEATURES: &[&str] = &["Incident Postmortem", "Alert Summary", "Status Page Update", "Log Search"];
const FAILURES: &[(&str, &str)] = &[
    ("Error", "429 Too Many Requests: rate limit reached, retry after 20s"),
    ("Error", "upstream connect error: connection reset by peer"),
    ("Error", "Превышено время ожидания ответа провайдера"),
    ("Insufficient Balance", "the project's balance is used up"),
    ("Budget Exceeded", "daily budget of 50000 tokens is used up"),
];
/// The first instant of made-up calls: 2026-01-05T00:00:00Z, in microseconds.
const START_US: i64 = 1_767_571_200_000_000;
const DAY_US: i64 = 86_400_000_000;

/// Makes calls and events up.
#[derive(Debug)]
pub struct Generator {
    random: StdRng,
    events: u64,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), events: 0 }
    }

    pub fn uuid(&mut self) -> Uuid {
        Builder::from_random_bytes(self.random.random()).into_uuid()
    }

    /// A new call of a project.
    pub fn call_key(&mut self, project: ProjectId) -> CallKey {
        CallKey { project, call: CallId(self.uuid()) }
    }

    /// An instant within four weeks.
    pub fn time(&mut self) -> Timestamp {
        Timestamp(START_US + self.random.random_range(0..28 * DAY_US))
    }

    /// A call told by one event.
    pub fn recorded(&mut self, project: ProjectId) -> CallEvent {
        let (key, time) = (self.call_key(project), self.time());
        self.recorded_call(key, time)
    }

    /// The events of one new call, in the order they happened, some of them twice or contradicting.
    pub fn history(&mut self, project: ProjectId) -> Vec<CallEvent> {
        let (key, start) = (self.call_key(project), self.time());
        let end = Timestamp(start.0 + self.random.random_range(50_000..20_000_000));
        let mut events = Vec::new();
        if self.random.random_bool(0.25) {
            events.push(self.recorded_call(key, start));
        } else {
            if self.random.random_bool(0.9) {
                let mut data = CallData::default();
                self.claim_request(&mut data);
                events.push(self.event(key, start, CallEventType::Started, data));
            }
            match self.random.random_range(0..10) {
                0 => events.push(self.event(key, end, CallEventType::Abandoned, CallData::default())),
                1 | 2 => events.push(self.failed(key, end)),
                3 => {}
                _ => events.push(self.completed(key, end)),
            }
        }
        if self.random.random_bool(0.2) {
            let later = Timestamp(end.0 + 1_000_000);
            events.push(self.annotated(key, later));
        }
        if self.random.random_bool(0.1) {
            // An outcome that comes late and says something else.
            let late = Timestamp(end.0 + 2_000_000);
            events.push(self.completed(key, late));
        }
        if self.random.random_bool(0.05) {
            let later = Timestamp(end.0 + 3_000_000);
            events.push(self.event(key, later, CallEventType::Erased, CallData::default()));
        }
        for at in 0..events.len() {
            if self.random.random_bool(0.15)
                && let Some(event) = events.get(at).cloned()
            {
                events.push(event);
            }
        }
        events
    }

    /// The events of many calls as a log may hold them: mixed up, repeated, out of order.
    pub fn histories(&mut self, project: ProjectId, calls: usize) -> Vec<CallEvent> {
        let mut events: Vec<CallEvent> = (0..calls).flat_map(|_| self.history(project)).collect();
        events.shuffle(&mut self.random);
        events
    }

    fn event(&mut self, key: CallKey, time: Timestamp, event_type: CallEventType, data: CallData) -> CallEvent {
        self.events += 1;
        CallEvent {
            id: format!("event-{}", self.events).into(),
            source: "testkit".into(),
            event_type,
            key,
            time,
            extensions: Vec::new(),
            data,
        }
    }

    fn recorded_call(&mut self, key: CallKey, time: Timestamp) -> CallEvent {
        let mut data = CallData::default();
        self.claim_request(&mut data);
        let took_ms = self.random.random_range(50..20_000);
        let start = time.date();
        data.claim(Column::RequestStartedAt, Value::Date(start));
        data.claim(Column::RequestCompletedAt, Value::Date(Date(start.0 + took_ms)));
        data.claim(Column::DurationMs, Value::Number(took_ms));
        if self.random.random_bool(0.12) {
            self.claim_failure(&mut data);
        } else {
            data.claim(Column::Status, Value::text("Success"));
            self.claim_answer(&mut data);
        }
        self.event(key, time, CallEventType::Recorded, data)
    }

    fn completed(&mut self, key: CallKey, time: Timestamp) -> CallEvent {
        let mut data = CallData::default();
        self.claim_answer(&mut data);
        self.event(key, time, CallEventType::Completed, data)
    }

    fn failed(&mut self, key: CallKey, time: Timestamp) -> CallEvent {
        let mut data = CallData::default();
        self.claim_failure(&mut data);
        self.event(key, time, CallEventType::Failed, data)
    }

    fn annotated(&mut self, key: CallKey, time: Timestamp) -> CallEvent {
        let mut data = CallData::default();
        data.claim(Column::CostInUsdCents, Value::Cents(NanoUsd(self.random.random_range(0..50_000_000))));
        data.claim(Column::WasBilled, Value::Boolean(true));
        if self.random.random_bool(0.3) {
            let incident = self.uuid();
            data.claim(Column::IncidentId, Value::Id(incident));
        }
        self.event(key, time, CallEventType::Annotated, data)
    }

    fn claim_request(&mut self, data: &mut CallData) {
        let (model, llm_type, _) = self.model();
        data.claim(Column::ModelName, Value::text(model));
        data.claim(Column::LlmType, Value::text(llm_type));
        data.claim(Column::LlmProviderName, Value::text(format!("{llm_type} main")));
        data.claim(Column::IsGlobalProvider, Value::Boolean(self.random.random_bool(0.3)));
        if self.random.random_bool(0.8) {
            let feature = *FEATURES.choose(&mut self.random).expect("there are features");
            data.claim(Column::Feature, Value::text(feature));
        }
        let prompt = self.text(|text| text.prompt);
        data.claim(Column::RequestPrompt, Value::text(prompt));
    }

    fn claim_answer(&mut self, data: &mut CallData) {
        let (_, _, price) = self.model();
        let tokens = self.random.random_range(20..4_000);
        let answered = self.random.random_range(1..=tokens / 2);
        data.claim(Column::TotalTokens, Value::Number(tokens));
        data.claim(Column::CompletionTokens, Value::Number(answered));
        data.claim(Column::CachedInputTokens, Value::Number(self.random.random_range(0..=(tokens - answered) / 2)));
        data.claim(Column::CostInUsdCents, Value::Cents(NanoUsd(tokens * price / 1000)));
        let answer = self.text(|text| text.response);
        data.claim(Column::ResponsePreview, Value::text(answer));
    }

    fn claim_failure(&mut self, data: &mut CallData) {
        let (status, message) = *FAILURES.choose(&mut self.random).expect("there are failures");
        data.claim(Column::Status, Value::text(status));
        data.claim(Column::StatusMessage, Value::text(message));
    }

    fn model(&mut self) -> (&'static str, &'static str, i64) {
        *MODELS.choose(&mut self.random).expect("there are models")
    }

    /// A text of some sentences of one language, with a number that makes it one of many.
    fn text(&mut self, part: impl Fn(&SampleText) -> &'static str) -> String {
        let number: u32 = self.random.random_range(0..10_000);
        let first = SAMPLE_TEXTS.choose(&mut self.random).expect("there are texts");
        let mut text = format!("{} #{number}", part(first));
        for _ in 0..self.random.random_range(0..4) {
            let same: Vec<_> = SAMPLE_TEXTS.iter().filter(|text| text.language == first.language).collect();
            let next = same.choose(&mut self.random).expect("the first is one of them");
            text.push('\n');
            text.push_str(part(next));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn events(seed: u64) -> Vec<Vec<u8>> {
        let project = ProjectId::of_name("generated");
        Generator::new(seed).histories(project, 200).iter().map(CallEvent::encode).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_events() {
        assert_eq!(events(1), events(1));
        assert_ne!(events(1), events(2));
    }

    #[test]
    fn every_type_of_event_and_every_language_comes_up_and_is_valid() {
        let mut types = HashSet::new();
        let mut texts = String::new();
        for value in events(3) {
            let event = CallEvent::decode(&value).expect("a generated event is complete and valid");
            types.insert(event.event_type);
            texts.push_str(&String::from_utf8(value).expect("JSON is UTF-8"));
        }
        assert_eq!(types.len(), CallEventType::ALL.len());
        for text in SAMPLE_TEXTS {
            assert!(texts.contains(text.prompt) || texts.contains(text.response), "{} is missing", text.language);
        }
    }
}
