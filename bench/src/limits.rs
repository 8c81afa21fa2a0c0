//! What the same machine does without llm-log: the figures that others are held against.

mod consumer;
mod tantivy;
mod web;

pub(crate) use consumer::consume;
pub(crate) use tantivy::raw_index;
pub(crate) use web::{Web, bare, syncing};
