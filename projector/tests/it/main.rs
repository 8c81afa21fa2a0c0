//! The projector from outside.

mod read;
mod write;
