//! Sets of documents that tantivy lacks, or that have to stop at a time limit.

mod column_range;
mod filtered;
mod phrase;
mod union;

pub(crate) use column_range::ColumnRange;
pub(crate) use filtered::Filtered;
pub(crate) use phrase::{Bm25, Phrase};
pub(crate) use union::Union;
