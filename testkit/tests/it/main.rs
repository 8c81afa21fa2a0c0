//! Tests of the repository as a whole.

mod documents;
mod mutants;
