//! What is protected: the nouns that several floors share, and their rules.
//!
//! Pure: no IO, no clocks, no Kubernetes types. Start at [`Name`], which sites, clusters and hosts bear.

mod name;
mod nouns;
mod problem;

pub use name::{InvalidName, Name};
pub use nouns::{Distribution, Role};
pub use problem::Kind;

#[cfg(test)]
mod tests;
