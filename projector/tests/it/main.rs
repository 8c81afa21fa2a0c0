//! The projector from outside.

mod read;
