//! The tantivy index: its fields, its words, its documents.

pub mod schema;
