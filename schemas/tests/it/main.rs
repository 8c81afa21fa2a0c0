//! The rules that can't change after the first event is written.

mod decode;
mod fold;
mod golden;
mod golden_log;
mod json_schema;
mod reference;
