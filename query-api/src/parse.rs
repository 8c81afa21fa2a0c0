//! From the JSON of a request to filters, orders and selections.
//!
//! Everything here is pure. Each part is checked at its own time, because which error a client sees is part of
//! the contract: names of columns before values, filters before selections, orders last.

mod cast;
pub(crate) mod filter;
mod full_text;
mod js;
pub(crate) mod paging;
pub(crate) mod relation;
pub(crate) mod select;
mod shown;
pub(crate) mod sort;
pub(crate) mod stats;
mod typed;

pub(crate) use filter::FilterError;
pub(crate) use js::is_truthy;
pub(crate) use paging::PagingError;
pub(crate) use select::SelectError;
pub(crate) use sort::SortError;
pub(crate) use stats::StatsError;
pub(crate) use typed::check_typed_values;
