//! The LLM Log API over HTTP: lists, items, counts and stats of calls, for the holders of API keys.
//!
//! A request goes one way: `api` finds the endpoint and reads the body, `auth` and `permission` say who asks
//! and what they may see, `parse` turns JSON into filters, orders and selections, a
//! [`CallReader`](schemas::reader::CallReader) answers, `render` writes the answer in the form of a [`Compat`].
//! This crate knows no index and no log: readers are given to it.

mod compat;

mod api;
mod body;
mod endpoint;
mod refusal;
mod request;

mod auth;
mod consistency;
mod permission;

mod parse;

mod cursor;

mod endpoints;
mod render;

mod readers;

mod openapi;

pub use api::{QueryApi, router};
pub use compat::Compat;
pub use consistency::ReferencePosition;
pub use openapi::openapi;
pub use readers::{MergedReader, RemoteReader, RemoteReaderError};
