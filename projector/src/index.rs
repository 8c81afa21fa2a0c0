//! The tantivy index: its fields, its words, its documents.

pub mod document;
pub mod schema;
pub mod words;
