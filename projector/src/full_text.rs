//! Full text: words as clients write them, found as the index has them.

mod folded;

pub(crate) use folded::FoldedWords;
