//! What llm-log agrees on: identity, events, the fold, the model of the API and the one way to read.
//!
//! Nothing here does I/O. Everything that can't be changed after the first event is written lives in
//! [`id`], [`event`] and [`fold`].

pub mod limits;

pub mod id;
pub mod money;
pub mod time;

pub mod model;
pub mod value;

pub mod event;
pub mod fold;
pub mod problem;
pub mod row;

pub mod access;
pub mod reference;

pub mod json_schema;

pub mod like;
pub mod positions;
pub mod protocol;
pub mod query;
pub mod reader;
pub mod stats;
