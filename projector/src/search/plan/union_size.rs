//! When the documents of many words are put together at once, and when found lazily.

use std::iter::Sum;

/// What looking a document up in a set takes, in documents that are gathered meanwhile.
const LOOK_UP: u64 = 8;

/// How many sets a union is of, and how many documents they have, those of several counted as often.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UnionSize {
    pub(super) sets: u64,
    pub(super) documents: u64,
}

impl UnionSize {
    /// Whether putting all documents together is quicker than looking each up in every set.
    pub(super) fn is_better_gathered(self, looked_up: u32) -> bool {
        let found_lazily = self.documents.min(u64::from(looked_up));
        self.sets > 1 && self.documents <= found_lazily.saturating_mul(self.sets).saturating_mul(LOOK_UP)
    }
}

impl Sum for UnionSize {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), |sum, size| Self {
            sets: sum.sets + size.sets,
            documents: sum.documents + size.documents,
        })
    }
}
