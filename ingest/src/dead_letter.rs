//! Dead letters, as their topic keeps them: what the inbox could not take, with the reason and where it came from.

pub(crate) mod header;
mod origin;

pub(crate) use origin::Origin;
