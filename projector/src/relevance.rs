//! Relevance: BM25 of nothing but the call and what the read may see (ADR 16).

use schemas::query::{Filter, Frequencies};
use schemas::reader::ListRequest;
use tantivy::Score;

use crate::search::{Search, SearchError};
use crate::sums::count;

const K1: f32 = 1.2;
const B: f32 = 0.75;
/// Words of a text that is neither long nor short. It is no average of texts, which other projects would move.
const USUAL_LENGTH: f32 = 256.0;

/// Bits of more than a word can score: at most 2.2 for how often it stands there, times less than 45 for its rarity.
const SCORE_BITS: u32 = 7;

/// How rare the words that score are.
pub(crate) fn frequencies(search: &Search, filter: &Filter) -> Result<Frequencies, SearchError> {
    let with_word = filter.scoring_words().iter().map(|word| count(search, word)).collect::<Result<_, _>>()?;
    Ok(Frequencies { calls: count(search, &Filter::everything())?, with_word })
}

/// What a word that stands in a text counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    rarity: f32,
    /// Every score is a multiple of this, so that sums are exact: they are the same whatever was added first.
    step: f32,
}

impl Weight {
    /// The score of a text of so many words which has the word that often.
    pub(crate) fn score(self, times: u32, words: u32) -> Score {
        #[expect(clippy::cast_precision_loss, reason = "a score needs no more than seven digits")]
        let (times, words) = (times as f32, words as f32);
        let score = self.rarity * times * (1.0 + K1) / (times + K1 * (1.0 - B + B * words / USUAL_LENGTH));
        (score / self.step).round() * self.step
    }
}

/// The weights of the words that score in a filter, in order.
#[derive(Debug)]
pub(crate) struct Weights(std::vec::IntoIter<Weight>);

impl Weights {
    pub(crate) fn of(search: &Search, request: &ListRequest) -> Result<Self, SearchError> {
        let words = request.filter.scoring_words();
        let frequencies = match &request.frequencies {
            Some(known) if known.with_word.len() == words.len() => known.clone(),
            Some(_) => return Err(SearchError::Refused("the frequencies are those of other words".to_owned())),
            None if request.needs_frequencies() => frequencies(search, &request.filter)?,
            None => Frequencies { calls: 0, with_word: vec![0; words.len()] },
        };
        let texts = words.iter().map(|word| if let Filter::FullText(columns, _) = word { columns.len() } else { 0 });
        let step = step(texts.sum());
        let weight = |with: u64| Weight { rarity: rarity(with.min(frequencies.calls), frequencies.calls), step };
        Ok(Self(frequencies.with_word.iter().copied().map(weight).collect::<Vec<_>>().into_iter()))
    }

    /// The weight of the next word.
    pub(crate) fn next(&mut self) -> Option<Weight> {
        self.0.next()
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a score needs no more digits")]
fn rarity(with_word: u64, calls: u64) -> f32 {
    let (with_word, calls) = (with_word as f64, calls as f64);
    (1.0 + (calls - with_word + 0.5) / (with_word + 0.5)).ln() as f32
}

/// The least step for which so many scores add up within the digits of a score.
fn step(scores: usize) -> f32 {
    let sum_bits = SCORE_BITS + scores.max(1).next_power_of_two().ilog2();
    let bits = i32::try_from(Score::MANTISSA_DIGITS.saturating_sub(sum_bits)).unwrap_or(0);
    2.0_f32.powi(-bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn scores_add_up_to_the_same_in_any_order(
            texts in prop::collection::vec((0_u64..1 << 40, 1_u32..1_000_000, 1_u32..1_000_000), 1..2000),
        ) {
            let step = step(texts.len());
            let scores: Vec<f32> = texts
                .iter()
                .map(|(with_word, times, words)| Weight { rarity: rarity(*with_word, 1 << 40), step }.score(*times, *words))
                .collect();
            let mut sorted = scores.clone();
            sorted.sort_by(f32::total_cmp);
            let sum = scores.iter().sum::<f32>().to_bits();
            prop_assert_eq!(sorted.iter().sum::<f32>().to_bits(), sum);
            prop_assert_eq!(sorted.iter().rev().sum::<f32>().to_bits(), sum);
        }
    }

    #[test]
    fn no_score_is_beyond_its_bits() {
        let rarest = Weight { rarity: rarity(0, u64::MAX), step: step(1) };
        assert!(rarest.score(u32::MAX, 1) < 2.0_f32.powi(i32::try_from(SCORE_BITS).expect("small")));
    }

    #[test]
    fn rare_words_and_short_texts_score_more() {
        let weight = |with_word| Weight { rarity: rarity(with_word, 1000), step: step(3) };
        assert!(weight(1).score(1, 100) > weight(2).score(1, 100));
        assert!(weight(1000).score(1, 100) > 0.0, "even a word that is everywhere");
        assert!(weight(1).score(2, 100) > weight(1).score(1, 100));
        assert!(weight(1).score(1, 99) > weight(1).score(1, 100));
    }
}
