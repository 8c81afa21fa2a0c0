//! The roles that serve.

mod first_key;
mod inbox;
mod ingest;
mod projector;
mod query_api;
mod sample;
mod serve;
mod stop;
mod sweep;
mod verify_page;

pub(crate) use ingest::ingest;
pub(crate) use projector::projector;
pub(crate) use query_api::query_api;
pub(crate) use serve::serve;
pub(crate) use sweep::sweep;
