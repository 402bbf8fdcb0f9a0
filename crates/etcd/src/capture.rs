//! Capture: keeps a history of a live etcd, change by change.

mod cutter;
mod decide;
mod risk;
mod spool;
mod note;
mod pin;

pub use cutter::{Arrival, Cut, Cutter, Limits, SeenLease, Skipped};
pub use decide::{Facts, Go, Live, Rates, Seen, Why, decide};
pub use risk::{Behind, Risk};
