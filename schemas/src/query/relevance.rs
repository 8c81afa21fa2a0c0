//! What orders by relevance need to know of the words of a query.

use serde::{Deserialize, Serialize};

use super::{Filter, TextQuery};

/// How many calls a read may see, and how many of them have each of the words that score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequencies {
    pub calls: u64,
    /// In the order of [`Filter::scoring_words`].
    pub with_word: Vec<u64>,
}

impl Frequencies {
    /// Adds those of other calls, for the same words.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        for (sum, with) in self.with_word.iter_mut().zip(&other.with_word) {
            *sum += with;
        }
    }
}

impl Filter {
    /// The words, phrases and prefixes that score: all that are under no exclusion, in order, each as a condition of
    /// its own.
    pub fn scoring_words(&self) -> Vec<Self> {
        let mut words = Vec::new();
        self.push_scoring_words(&mut words);
        words
    }

    fn push_scoring_words(&self, words: &mut Vec<Self>) {
        match self {
            Self::All(filters) | Self::Any(filters) => {
                for filter in filters {
                    filter.push_scoring_words(words);
                }
            }
            Self::FullText(columns, query) => {
                query.each_scoring(&mut |word| words.push(Self::FullText(columns.clone(), word.clone())));
            }
            _ => {}
        }
    }
}

impl TextQuery {
    fn each_scoring(&self, take: &mut impl FnMut(&Self)) {
        match self {
            Self::All(queries) | Self::Any(queries) => {
                for query in queries {
                    query.each_scoring(take);
                }
            }
            Self::Not(_) => {}
            Self::Term(_) | Self::Phrase(_) | Self::Prefix(_) => take(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Column;

    #[test]
    fn words_under_an_exclusion_do_not_score_and_the_others_come_in_order() {
        let term = |text: &str| TextQuery::Term(text.to_owned());
        let of = |query| Filter::FullText(vec![Column::RequestPrompt], query);
        let both = TextQuery::Any(vec![term("b"), TextQuery::Not(Box::new(term("no"))), TextQuery::Prefix("c".into())]);
        let filter = Filter::All(vec![
            of(TextQuery::All(vec![TextQuery::Phrase("a a".into()), both])),
            Filter::Not(Box::new(of(term("no")))),
            Filter::Null(Column::UserId),
            Filter::Any(vec![of(term("d"))]),
        ]);
        let words = [TextQuery::Phrase("a a".into()), term("b"), TextQuery::Prefix("c".into()), term("d")];
        assert_eq!(filter.scoring_words(), words.map(of));
    }
}
