//! Sets of documents that tantivy lacks, or that have to stop at a time limit.

mod column_range;
mod filtered;
mod gathered;
mod phrase;
mod union;

pub(crate) use column_range::ColumnRange;
pub(crate) use filtered::Filtered;
pub(crate) use gathered::gather;
pub(crate) use phrase::{Bm25, Phrase};
pub(crate) use union::Union;
