//! What a lab's clusters hold, and how it keeps changing: everything from one seed.
//!
//! [`objects`] makes the objects without touching anything; [`fill`] creates them in a cluster; [`churn`] changes a cluster
//! at a steady rate, in about the proportions of a living one. Start at `generate.rs`; `kinds.rs` has what each object looks
//! like.

mod change;
mod churn;
mod custom;
mod fill;
mod generate;
mod kinds;
mod pace;
mod random;
mod secrets;
mod work;
mod workloads;

pub use churn::{Churn, Churned, churn};
pub use fill::{Filled, PARALLEL, fill};
pub use generate::{Size, objects};

#[cfg(test)]
mod tests;
