//! Made-up calls with the sizes of real ones: prompts of about 100 bytes, answers of 1.4 KB (p50), 3 KB (p90) and 5.4
//! KB (p99) in four of five calls, words by Zipf's law, about 2.1 KB of JSON in all.

use std::collections::HashSet;
use std::sync::LazyLock;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use schemas::event::CallData;
use schemas::model::Column;
use schemas::money::NanoUsd;
use schemas::value::Value;
use testkit::SAMPLE_TEXTS;
use uuid::Uuid;

const SEED: u64 = 0x11a7;
/// Words that are made up.
const WORDS: usize = 40_000;
/// The most frequent words, in this order.
const FREQUENT: &[&str] = &[
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "for",
    "it",
    "as",
    "with",
    "you",
    "on",
    "are",
    "be",
    "this",
    "by",
    "or",
    "from",
    "can",
    "your",
    "an",
    "have",
    "at",
    "not",
    "if",
    "will",
    "which",
    "we",
    "but",
    "all",
    "one",
    "they",
    "there",
    "has",
    "more",
    "was",
    "when",
    "their",
    "using",
    "also",
    "use",
    "how",
    "some",
    "these",
    "time",
    "may",
    "such",
    "make",
    "any",
    "into",
    "like",
    "other",
    "used",
    "following",
    "including",
    "data",
    "then",
    "its",
];
const SYLLABLES: &[&str] = &[
    "ba", "con", "de", "er", "fi", "gra", "ho", "in", "jo", "ka", "lo", "men", "ne", "or", "pre", "qua", "re", "sta",
    "tra", "un", "ver", "wi", "xe", "yo", "zen", "mar", "tel", "pro", "sub", "cal",
];
const ENDINGS: &[&str] = &["", "", "", "s", "ed", "ing", "tion", "ly", "er", "ment"];
/// Frequent words that have a partner which often follows them.
const PAIRED: std::ops::Range<usize> = 100..2000;

const MODELS: usize = 227;
const USERS: u128 = 500;
const PROVIDERS: [(&str, &str); 4] =
    [("OpenAI", "OpenAI main"), ("Anthropic", "Anthropic EU"), ("Mistral", "Mistral EU"), ("Ollama", "Ollama local")];
const FEATURES: [&str; 8] = [
    "Alert Internal Note",
    "Search Assistant",
    "Scheduled Maintenance Public Note",
    "Incident Internal Note",
    "Incident Postmortem",
    "Code Review",
    "Support Reply",
    "Release Notes",
];
const FAILURES: [(&str, &str); 4] = [
    ("Error", "429 Too Many Requests: rate limit reached for requests"),
    ("Error", "upstream connect error: connection timed out after 60000ms"),
    ("Budget Exceeded", "Daily AI budget of this project is used up"),
    ("Insufficient Balance", "The balance of this project is used up"),
];

/// Writes calls, the same ones in every run.
#[derive(Debug)]
pub(crate) struct Writer(StdRng);

impl Writer {
    pub(super) fn new() -> Self {
        Self(StdRng::seed_from_u64(SEED))
    }

    pub(super) fn call(&mut self) -> CallData {
        let mut data = CallData::default();
        // A model is of one provider.
        let model = self.0.random_range(0..MODELS);
        let at = model % PROVIDERS.len();
        let (llm_type, provider) = PROVIDERS.get(at).copied().unwrap_or_default();
        data.claim(Column::LlmProviderId, Value::Id(derived(0x9207, at as u128)));
        data.claim(Column::LlmProviderName, Value::text(provider));
        data.claim(Column::LlmType, Value::text(llm_type));
        data.claim(Column::ModelName, Value::text(format!("{}-{model}", llm_type.to_lowercase())));
        data.claim(Column::IsGlobalProvider, Value::Boolean(self.0.random()));
        data.claim(Column::Feature, Value::text(*FEATURES.choose(&mut self.0).expect("there are features")));
        let user = self.0.random_range(0..USERS);
        data.claim(Column::UserId, Value::Id(derived(0xbeef, user)));
        if self.0.random_bool(0.11) {
            let incident = self.0.random_range(0..5000);
            data.claim(Column::IncidentId, Value::Id(derived(0x1c1d, incident)));
        }
        if self.0.random_bool(0.09) {
            let alert = self.0.random_range(0..5000);
            data.claim(Column::AlertId, Value::Id(derived(0xa1e7, alert)));
        }
        let duration = self.size(4800.0, 0.55, 120_000);
        data.claim(Column::DurationMs, Value::Number(i64::from(duration)));
        let prompt = self.prompt();
        let mut tokens = prompt.len() / 4;
        data.claim(Column::RequestPrompt, Value::text(prompt));
        if self.0.random_bool(0.8) {
            let bytes = self.size(1400.0, 0.58, 60_000);
            let answer = self.text(bytes as usize);
            let completion = answer.len() / 4;
            tokens += completion;
            data.claim(Column::CompletionTokens, Value::Number(i64::try_from(completion).unwrap_or(i64::MAX)));
            data.claim(Column::ResponsePreview, Value::text(answer));
            data.claim(Column::Status, Value::text("Success"));
        } else {
            let (status, message) = *FAILURES.choose(&mut self.0).expect("there are failures");
            data.claim(Column::Status, Value::text(status));
            data.claim(Column::StatusMessage, Value::text(message));
        }
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        data.claim(Column::TotalTokens, Value::Number(tokens));
        data.claim(Column::CostInUsdCents, Value::Cents(NanoUsd(tokens * 3000)));
        data.claim(Column::WasBilled, Value::Boolean(self.0.random_bool(0.4)));
        data
    }

    /// One in fifty is in another language.
    fn prompt(&mut self) -> String {
        if self.0.random_bool(0.02) {
            return SAMPLE_TEXTS.choose(&mut self.0).expect("there are texts").prompt.to_owned();
        }
        let bytes = self.size(105.0, 0.9, 2000);
        self.text(bytes as usize)
    }

    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 32);
        let mut rank = 0;
        let mut words = 0_u32;
        while text.len() < bytes {
            let paired = PAIRED.contains(&rank) && self.0.random_bool(0.2);
            rank = if paired { partner(rank) } else { self.rank() };
            let word = vocabulary().get(rank).map_or("the", String::as_str);
            let separator = match words {
                0 => "",
                _ if self.0.random_bool(0.01) => ".\n\n",
                _ if self.0.random_bool(0.07) => ". ",
                _ if self.0.random_bool(0.06) => ", ",
                _ => " ",
            };
            text.push_str(separator);
            if matches!(separator, "" | ". " | ".\n\n") {
                text.extend(word.chars().take(1).flat_map(char::to_uppercase));
                text.extend(word.chars().skip(1));
            } else {
                text.push_str(word);
            }
            words += 1;
        }
        text.push('.');
        text
    }

    /// The place of a word in the vocabulary: each is about as likely as its place is near.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "from 0 to below WORDS"
    )]
    fn rank(&mut self) -> usize {
        ((WORDS as f64).powf(self.0.random::<f64>()) - 1.0) as usize
    }

    /// A log-normal size with this median.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held between 1 and the greatest")]
    fn size(&mut self, median: f64, sigma: f64, greatest: u32) -> u32 {
        let (radius, angle): (f64, f64) = (self.0.random(), self.0.random());
        let normal = (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        (median * (sigma * normal).exp()).clamp(1.0, f64::from(greatest)) as u32
    }
}

fn derived(kind: u128, number: u128) -> Uuid {
    Uuid::from_u128((kind << 96) | 0x4000_8000_0000_0000_0000 | number)
}

fn partner(rank: usize) -> usize {
    PAIRED.start + rank * 7919 % PAIRED.len()
}

/// All words, the most frequent first.
fn vocabulary() -> &'static [String] {
    static WORDS_MADE: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut random = StdRng::seed_from_u64(SEED + 1);
        let mut words: Vec<String> = FREQUENT.iter().map(|word| (*word).to_owned()).collect();
        let mut known: HashSet<String> = words.iter().cloned().collect();
        while words.len() < WORDS {
            let syllables = random.random_range(1..=4);
            let mut word: String =
                (0..syllables).filter_map(|_| SYLLABLES.choose(&mut random)).copied().collect::<Vec<_>>().concat();
            word.push_str(ENDINGS.choose(&mut random).copied().unwrap_or_default());
            if known.insert(word.clone()) {
                words.push(word);
            }
        }
        words
    });
    &WORDS_MADE
}

#[cfg(test)]
mod tests {
    use super::super::Corpus;
    use super::*;
    use schemas::time::Date;

    #[test]
    fn made_up_calls_have_the_sizes_of_real_ones() {
        let corpus = Corpus::new(None, 3000, Date(1_760_000_000_000));
        let mut answers = Vec::new();
        let mut bytes = 0;
        for call in corpus.all().expect("no file") {
            let call = call.expect("no file");
            bytes += super::super::recorded(&call).encode().len();
            let text = |column| call.data.claimed(column).and_then(Value::as_text).map(str::len);
            answers.extend(text(Column::ResponsePreview));
        }
        answers.sort_unstable();
        let at = |share: usize| answers[(answers.len() - 1) * share / 100];
        let mean = bytes / 3000;
        assert!((2000..2700).contains(&mean), "{mean} bytes of JSON");
        assert!((2200..2600).contains(&answers.len()), "{} answers", answers.len());
        assert!((1300..1500).contains(&at(50)), "{}", at(50));
        assert!((2700..3300).contains(&at(90)), "{}", at(90));
        assert!((4500..6300).contains(&at(99)), "{}", at(99));
    }

    #[test]
    fn words_have_the_shape_of_a_language() {
        let mut writer = Writer::new();
        let text = writer.text(200_000).to_lowercase();
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let the = words.iter().filter(|word| **word == "the").count() * 100 / words.len();
        assert!((4..9).contains(&the), "{the} of a hundred words are the most frequent one");
        assert!(text.contains("of the") && text.contains("ing "));
        assert_eq!(text, Writer::new().text(200_000).to_lowercase(), "the same in every run");
    }
}
