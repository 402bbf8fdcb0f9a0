//! The lab, built for real: what only real parts can show.
//!
//! These tests need root and the lab's tools; `cargo xtask test` runs them, one at a time. Most share one lab; each begins by
//! healing it, so that their order does not matter. What is waited for has a deadline far beyond what it takes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod builds;
mod content;
mod entry;
mod estate;
mod faults;
mod input;
mod manual;
mod outsiders;
mod pods;
mod power;
mod world;
