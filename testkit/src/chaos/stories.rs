//! Made-up calls, told by events that come late, twice, in any order, or contradict each other.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};
use uuid::Builder;

use crate::generator::SAMPLE_TEXTS;
use crate::oracle::{CallName, Event, EventKind, instant};

const MODELS: [&str; 4] = ["gpt-4o", "claude-3-haiku", "llama-3.1-70b", "qwen2.5:14b"];
const TYPES: [&str; 3] = ["OpenAI", "Anthropic", "Ollama"];
const FEATURES: [&str; 3] = ["Incident Postmortem", "Alert Summary", "Log Search"];
const FAILURES: [&str; 3] = ["Error", "Insufficient Balance", "Budget Exceeded"];
/// The first instant of a call: 2026-01-05T00:00:00Z.
const START_MS: i64 = 1_767_571_200_000;
const DAYS: i64 = 28;
const DAY_MS: i64 = 86_400_000;
/// Events that wait to be sent, so that those of one call are far apart.
const WAITING: usize = 150;
/// Bytes of a long prompt.
const LONG_TEXT_BYTES: usize = 30_000;

/// Events to send, of one project after the other.
#[derive(Debug)]
pub(super) struct Stories {
    random: StdRng,
    projects: Vec<Project>,
    calls: u64,
}

#[derive(Debug)]
struct Project {
    id: String,
    waiting: VecDeque<Arc<Event>>,
    /// Calls that have had events, for events that come late.
    known: Vec<Arc<Event>>,
}

impl Stories {
    pub(super) fn new(seed: u64, projects: &[String]) -> Self {
        let project = |id: &String| Project { id: id.clone(), waiting: VecDeque::new(), known: Vec::new() };
        Self { random: StdRng::seed_from_u64(seed), projects: projects.iter().map(project).collect(), calls: 0 }
    }

    /// Some events of one project, at most this many, for a door that takes these.
    pub(super) fn next(&mut self, at: usize, most: usize, takes: impl Fn(&Event) -> bool) -> Vec<Arc<Event>> {
        while self.projects.get(at).is_some_and(|project| project.waiting.len() < WAITING) {
            self.tell(at);
        }
        let count = self.random.random_range(1..=most);
        let Self { random, projects, .. } = self;
        let Some(project) = projects.get_mut(at) else { return Vec::new() };
        let mut events = Vec::new();
        for _ in 0..count {
            let chosen = random.random_range(0..project.waiting.len().max(1));
            if project.waiting.get(chosen).is_some_and(|event| takes(event)) {
                events.extend(project.waiting.swap_remove_back(chosen));
            }
        }
        for event in &events {
            // Sent again some time, whatever became of it.
            if random.random_bool(0.05) {
                project.waiting.push_back(Arc::clone(event));
            }
        }
        events
    }

    /// Puts events back that are to be sent again.
    pub(super) fn again(&mut self, at: usize, events: impl IntoIterator<Item = Arc<Event>>) {
        if let Some(project) = self.projects.get_mut(at) {
            project.waiting.extend(events);
        }
    }

    /// A call told by one event, for a look whether everything works.
    pub(super) fn probe(&mut self, at: usize) -> Arc<Event> {
        let (call, word) = self.call(at);
        let time_ms = self.time_ms();
        let event = Arc::new(self.whole(EventKind::Recorded, &call, &word, time_ms));
        self.projects.get_mut(at).expect("the project is one of ours").known.push(Arc::clone(&event));
        event
    }

    fn call(&mut self, at: usize) -> (CallName, String) {
        self.calls += 1;
        let own = Builder::from_random_bytes(self.random.random()).into_uuid().to_string();
        // Now and then the id of a call of another project, which is another call.
        let shared = self.random.random_bool(0.1);
        let other = self.projects.iter().enumerate().find(|(other, _)| *other != at).map(|(_, other)| other);
        let other = other.filter(|_| shared).and_then(|other| other.known.choose(&mut self.random));
        let taken = other.map(|event| event.call.call.clone());
        let is_new = |project: &Project, id: &String| !project.known.iter().any(|event| event.call.call == *id);
        let project = self.projects.get(at).expect("the project is one of ours");
        let id = taken.filter(|id| is_new(project, id)).unwrap_or(own);
        (CallName { project: project.id.clone(), call: id }, format!("zq{:x}k{at}", self.calls))
    }

    fn time_ms(&mut self) -> i64 {
        START_MS + self.random.random_range(0..DAYS * DAY_MS)
    }

    /// Makes up one call and lets its events wait to be sent.
    fn tell(&mut self, at: usize) {
        let (call, word) = self.call(at);
        let start = self.time_ms();
        let end = start + self.random.random_range(50..20_000);
        let mut events = Vec::new();
        match self.random.random_range(0..100) {
            0..5 => events.push(self.whole(EventKind::Object, &call, &word, start)),
            5..30 => events.push(self.whole(EventKind::Recorded, &call, &word, start)),
            30..35 => {}
            told => {
                let data = self.request(&word);
                events.push(event(EventKind::Started, &call, &word, start, data));
                if told < 80 {
                    events.push(self.completed(&call, &word, end));
                } else if told < 93 {
                    let data = self.failure(&word);
                    events.push(event(EventKind::Failed, &call, &word, end, data));
                }
            }
        }
        let is_object = events.first().is_some_and(|event| event.kind == EventKind::Object);
        if !is_object && self.random.random_bool(0.1) {
            events.push(self.completed(&call, &word, end + 1));
        }
        if events.is_empty() || self.random.random_bool(0.2) {
            events.push(self.annotated(&call, &word, end + 2));
        }
        if self.random.random_bool(0.05) {
            events.push(event(EventKind::Erased, &call, &word, end + 3, Map::new()));
        }
        events.shuffle(&mut self.random);
        if let Some(project) = self.projects.get_mut(at) {
            let events: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
            project.known.extend(events.first().cloned());
            project.waiting.extend(events);
        }
    }

    /// An event that tells the call from start to end.
    fn whole(&mut self, kind: EventKind, call: &CallName, word: &str, start: i64) -> Event {
        let mut data = self.request(word);
        let took = self.random.random_range(50..20_000);
        if self.random.random_bool(0.15) {
            data.extend(self.failure(word));
            let status = FAILURES.choose(&mut self.random).expect("there are failures");
            data.insert("status".to_owned(), json!(status));
        } else {
            let status = if self.random.random_bool(0.05) { "Running" } else { "Success" };
            data.insert("status".to_owned(), json!(status));
            data.extend(self.answer(word));
        }
        data.insert("requestStartedAt".to_owned(), json!(instant(start)));
        data.insert("requestCompletedAt".to_owned(), json!(instant(start + took)));
        if kind == EventKind::Object || self.random.random_bool(0.3) {
            data.insert("createdAt".to_owned(), json!(instant(start + 5)));
            data.insert("updatedAt".to_owned(), json!(instant(start + took)));
        }
        if self.random.random_bool(0.1) {
            data.insert("version".to_owned(), json!(self.random.random_range(1..9)));
        }
        event(kind, call, word, start, data)
    }

    fn completed(&mut self, call: &CallName, word: &str, time_ms: i64) -> Event {
        let data = self.answer(word);
        event(EventKind::Completed, call, word, time_ms, data)
    }

    fn annotated(&mut self, call: &CallName, word: &str, time_ms: i64) -> Event {
        let mut data = Map::new();
        data.insert("wasBilled".to_owned(), json!(true));
        if self.random.random_bool(0.5) {
            data.insert("costInUSDCents".to_owned(), self.cents());
        }
        if self.random.random_bool(0.5) {
            let incident = Builder::from_random_bytes(self.random.random()).into_uuid();
            data.insert("incidentId".to_owned(), json!(incident));
        }
        event(EventKind::Annotated, call, word, time_ms, data)
    }

    fn request(&mut self, word: &str) -> Map<String, Value> {
        let random = &mut self.random;
        let model = MODELS.choose(random).expect("there are models");
        let llm_type = TYPES.choose(random).expect("there are types");
        let feature = FEATURES.choose(random).filter(|_| random.random_bool(0.8));
        let sample = SAMPLE_TEXTS.choose(random).expect("there are texts");
        let mut prompt = format!("{} {word}", sample.prompt);
        if random.random_bool(0.02) {
            while prompt.len() < LONG_TEXT_BYTES {
                let word: u64 = random.random();
                prompt.extend([" ", &word.to_string()]);
            }
        }
        let data = json!({
            "modelName": model, "llmType": llm_type, "llmProviderName": format!("{llm_type} main"),
            "isGlobalProvider": random.random_bool(0.3), "feature": feature, "requestPrompt": prompt,
        });
        data.as_object().cloned().unwrap_or_default()
    }

    fn answer(&mut self, word: &str) -> Map<String, Value> {
        let cents = self.cents();
        let random = &mut self.random;
        let tokens = random.random_range(20..4_000);
        let sample = SAMPLE_TEXTS.choose(random).expect("there are texts");
        let data = json!({
            "totalTokens": tokens, "completionTokens": tokens / 3, "cachedInputTokens": tokens / 7,
            "costInUSDCents": cents, "responsePreview": format!("{} {word}", sample.response),
        });
        data.as_object().cloned().unwrap_or_default()
    }

    fn failure(&mut self, word: &str) -> Map<String, Value> {
        let number: u32 = self.random.random_range(0..100);
        let data = json!({"statusMessage": format!("429: rate limit {number} reached {word}")});
        data.as_object().cloned().unwrap_or_default()
    }

    /// An amount with as many decimals as are kept.
    fn cents(&mut self) -> Value {
        let nano_usd = self.random.random_range(10_000..50_000_000_i64);
        let cents = format!("{}.{:07}", nano_usd / 10_000_000, nano_usd % 10_000_000);
        serde_json::from_str(&cents).expect("a decimal number is JSON")
    }
}

fn event(kind: EventKind, call: &CallName, word: &str, time_ms: i64, data: Map<String, Value>) -> Event {
    Event { kind, call: call.clone(), time: instant(time_ms), data, word: word.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_event_comes_up_and_two_projects_share_call_ids() {
        let projects = ["a".to_owned(), "b".to_owned()];
        let mut stories = Stories::new(1, &projects);
        let (mut kinds, mut calls) = (BTreeSet::new(), [BTreeSet::new(), BTreeSet::new()]);
        for _ in 0..200 {
            for (at, calls) in calls.iter_mut().enumerate() {
                for event in stories.next(at, 10, |_| true) {
                    kinds.insert(event.kind);
                    calls.insert(event.call.call.clone());
                }
            }
        }
        assert_eq!(kinds.len(), 7);
        let [one, two] = calls;
        assert!(one.intersection(&two).count() > 10);
    }
}
