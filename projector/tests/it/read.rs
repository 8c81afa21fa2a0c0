//! Reads of an index that is written as the projector writes it, held to a naive filter and sort over rows.

mod bounds;
mod generator;
mod likes;
mod lists;
mod naive;
mod operators;
mod orders;
mod relevance;
mod serving;
mod sums;
mod texts;
mod waiting;
mod world;
