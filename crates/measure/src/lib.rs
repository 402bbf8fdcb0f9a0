//! What benchmarks share: works done by us and by a peer in turn, what each took, and the table at the end. Start at [`Bench`].
//!
//! The benchmarks themselves are examples of the crates that they measure; `cargo xtask bench` runs them.

mod bench;
mod entry;
mod figures;
mod printer;
mod process;
mod random;
mod words;

pub use bench::Bench;
pub use entry::carry_out;
pub use figures::{Costs, Goal, Row, median, percentile};
pub use printer::say;
pub use process::{Cost, Usage, itself, run, settle};
pub use random::Random;
pub use words::{bytes, pairs};
