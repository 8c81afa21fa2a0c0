//! An oracle: keeps what was sent and what was acknowledged, works every answer out from scratch, and compares.
//!
//! Shares no code with the product. The fold is written from its rules, on plain JSON: all events of a call are looked
//! at again for every field, and every sum is added up from the rows. An event without an answer may be in effect or
//! not, but whole: a call is right when some choice of such events explains all that is shown of it.

mod amount;
mod columns;
mod compare;
mod event;
mod explain;
mod fold;
mod ledger;
mod sums;

pub use columns::fields;
pub use compare::{Tenant, compare};
pub use event::{Event, EventKind};
pub use explain::{Difference, DifferenceKind, ShownRow};
pub(crate) use fold::instant;
pub use ledger::{Attempt, CallName, Ledger, LedgerCounts, Places};
