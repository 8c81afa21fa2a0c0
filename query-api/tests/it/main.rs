//! The API in process, over a reader that holds its calls in memory.

mod memory_reader;
mod server;

mod access;
mod arbitrary;
mod bodies;
mod consistency;
mod items;
mod lists;
mod merged;
mod openapi;
mod queries;
mod relations;
mod remote;
mod responses;
mod stats;
mod walks;
mod writes;
