//! Words and ids to ask for, taken from the calls themselves, so that literals vary and are found as often as meant.

use std::collections::HashMap;

use rand::Rng;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use schemas::id::CallId;
use schemas::model::Column;
use schemas::value::Value;
use serde::{Deserialize, Serialize};

use super::{Call, project_at, projects, token};

/// Calls that are looked at.
const CALLS: u64 = 4000;
/// Phrases and words kept of each kind.
const KEPT: usize = 2000;
/// Words that a phrase of stop words is made of: the most frequent ones.
const STOP_WORDS: usize = 25;

/// What to ask for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Words {
    /// In one or two of the calls looked at.
    rare: Vec<String>,
    /// In one to five of a hundred.
    middling: Vec<String>,
    /// In every tenth or more.
    common: Vec<String>,
    /// Two middling words side by side.
    phrases: Vec<String>,
    stop_phrases: Vec<String>,
    values: HashMap<String, Vec<String>>,
    calls: Vec<SampledCall>,
}

/// A call that is known to be there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SampledCall {
    pub(crate) project: usize,
    pub(crate) id: CallId,
    pub(crate) created_ms: i64,
    /// The word that only this call has.
    pub(crate) token: String,
}

/// Looks at calls as they go by.
#[derive(Debug)]
pub(crate) struct Sampler {
    every: u64,
    ids: HashMap<String, usize>,
    /// By id: in how many calls the word is.
    frequencies: Vec<usize>,
    pairs: HashMap<(usize, usize), usize>,
    looked_at: usize,
    words: Words,
}

impl Sampler {
    /// For this many calls.
    pub(crate) fn new(calls: u64) -> Self {
        Self {
            every: (calls / CALLS).max(1),
            ids: HashMap::new(),
            frequencies: Vec::new(),
            pairs: HashMap::new(),
            looked_at: 0,
            words: Words::default(),
        }
    }

    pub(crate) fn look_at(&mut self, call: &Call) {
        if !call.number.is_multiple_of(self.every) {
            return;
        }
        self.looked_at += 1;
        let text = |column| call.data.claimed(column).and_then(Value::as_text).unwrap_or_default();
        let mut seen = Vec::new();
        for column in [Column::RequestPrompt, Column::ResponsePreview] {
            let mut before = None;
            for word in text(column).split(|c: char| !c.is_alphanumeric()) {
                if word.len() < 2 || !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                    // What stands between two words here is no word to ask for.
                    before = None;
                    continue;
                }
                let id = self.id(&word.to_ascii_lowercase());
                seen.push(id);
                if let Some(before) = before.replace(id) {
                    *self.pairs.entry((before, id)).or_default() += 1;
                }
            }
        }
        seen.sort_unstable();
        seen.dedup();
        for id in seen {
            if let Some(frequency) = self.frequencies.get_mut(id) {
                *frequency += 1;
            }
        }
        for column in [Column::ModelName, Column::Status, Column::Feature, Column::LlmType] {
            self.value(column, text(column).to_owned());
        }
        if let Some(Value::Id(user)) = call.data.claimed(Column::UserId) {
            self.value(Column::UserId, user.as_hyphenated().to_string());
        }
        if let Some(project) = projects().iter().find(|project| project.id == call.key.project) {
            self.words.calls.push(SampledCall {
                project: project.number,
                id: call.key.call,
                created_ms: call.created.0,
                token: token(call.number),
            });
        }
    }

    fn id(&mut self, word: &str) -> usize {
        if let Some(id) = self.ids.get(word) {
            return *id;
        }
        let id = self.frequencies.len();
        self.frequencies.push(0);
        self.ids.insert(word.to_owned(), id);
        id
    }

    fn value(&mut self, column: Column, value: String) {
        let values = self.words.values.entry(column.name().to_owned()).or_default();
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }

    pub(crate) fn finish(mut self) -> Words {
        let mut by_frequency: Vec<(usize, &str)> = Vec::new();
        for (word, id) in &self.ids {
            by_frequency.push((self.frequencies.get(*id).copied().unwrap_or_default(), word));
        }
        by_frequency.sort_unstable_by(|one, other| other.cmp(one));
        let frequency = |id: usize| self.frequencies.get(id).copied().unwrap_or_default();
        let share = |share: usize| (self.looked_at * share / 100).max(1);
        let is_middling = |frequency: usize| (share(1)..=share(5)).contains(&frequency);
        let words = |keep: &dyn Fn(usize, &str) -> bool| -> Vec<String> {
            let kept = by_frequency.iter().filter(|(frequency, word)| keep(*frequency, word));
            kept.map(|(_, word)| (*word).to_owned()).take(KEPT).collect()
        };
        self.words.common = words(&|frequency, word| frequency >= share(10) && word.len() > 2);
        self.words.middling = words(&|frequency, word| is_middling(frequency) && word.len() > 3);
        self.words.rare = words(&|frequency, word| frequency <= 2 && word.len() > 6);
        let limit = by_frequency.get(STOP_WORDS).map_or(0, |(frequency, _)| *frequency);
        let mut names = vec![""; self.frequencies.len()];
        for (word, id) in &self.ids {
            if let Some(name) = names.get_mut(*id) {
                *name = word;
            }
        }
        let pairs = |keep: &dyn Fn(usize) -> bool, kept: usize| -> Vec<String> {
            let name = |id: usize| names.get(id).copied().unwrap_or_default();
            let of_kind = self.pairs.iter().filter(|((one, other), _)| keep(*one) && keep(*other) && one != other);
            let mut found: Vec<(usize, String)> =
                of_kind.map(|((one, other), count)| (*count, format!("{} {}", name(*one), name(*other)))).collect();
            found.sort_unstable_by(|one, other| other.cmp(one));
            found.into_iter().take(kept).map(|(_, phrase)| phrase).collect()
        };
        self.words.phrases = pairs(&|id| is_middling(frequency(id)), KEPT / 10);
        self.words.stop_phrases = pairs(&|id| frequency(id) > limit, 10);
        self.words
    }
}

impl Words {
    pub(crate) fn rare(&self, random: &mut impl Rng) -> &str {
        pick(&self.rare, random)
    }

    pub(crate) fn middling(&self, random: &mut impl Rng) -> &str {
        pick(&self.middling, random)
    }

    pub(crate) fn common(&self, random: &mut impl Rng) -> &str {
        pick(&self.common, random)
    }

    pub(crate) fn phrase(&self, random: &mut impl Rng) -> &str {
        pick(&self.phrases, random)
    }

    pub(crate) fn stop_phrase(&self, random: &mut impl Rng) -> &str {
        pick(&self.stop_phrases, random)
    }

    /// A value that calls have in this column.
    pub(crate) fn value(&self, column: Column, random: &mut impl Rng) -> &str {
        self.values.get(column.name()).map_or("", |values| pick(values, random))
    }

    /// A call, large projects' more often, as they have more.
    pub(crate) fn call(&self, random: &mut impl Rng) -> Option<&SampledCall> {
        self.calls.choose(random)
    }

    /// The number of a project, large ones more often.
    pub(crate) fn project(random: &mut impl Rng) -> usize {
        project_at(random.random()).number
    }
}

/// One of them; a word that is everywhere when a corpus is too small to have any of the kind.
fn pick<'a>(words: &'a [String], random: &mut impl Rng) -> &'a str {
    words.choose(random).map_or("the", String::as_str)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use schemas::time::Date;

    use super::super::Corpus;
    use super::*;

    #[test]
    fn words_of_every_kind_come_from_the_calls() {
        let corpus = Corpus::new(None, 400, Date(1_760_000_000_000));
        let mut sampler = Sampler::new(400);
        let mut texts = Vec::new();
        for call in corpus.all().expect("no file") {
            let call = call.expect("no file");
            sampler.look_at(&call);
            let text = |column| call.data.claimed(column).and_then(Value::as_text).unwrap_or_default().to_lowercase();
            texts.push(format!("{} | {}", text(Column::RequestPrompt), text(Column::ResponsePreview)));
        }
        let words = sampler.finish();
        let random = &mut StdRng::seed_from_u64(1);
        let found = |word: &str| texts.iter().filter(|text| text.contains(word)).count();
        assert!(found(words.common(random)) >= 40);
        assert!((1..=400).contains(&found(words.rare(random))));
        for phrases in [&words.phrases, &words.stop_phrases] {
            assert!(!phrases.is_empty() && phrases.iter().all(|phrase| phrase.contains(' ')), "{phrases:?}");
        }
        assert!(words.stop_phrases.iter().any(|phrase| phrase == "of the"), "{:?}", words.stop_phrases);
        assert!(words.value(Column::ModelName, random).contains('-'));
        let call = words.call(random).expect("calls were sampled").clone();
        assert_eq!(found(&call.token), 1);
        assert_eq!(words.calls.len(), 400);
    }
}
