//! Objects of a real API server, read out of etcd and brought back. Start at the tests below; `plane` is the control plane.
//!
//! Ignored by `cargo test`, since they need the programs that a lab installs (`cargo xtask test` has them):
//! `cargo test --package lifeboat --test objects -- --ignored`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "in a test a panic is the report"
)]

#[allow(dead_code, reason = "the server's own tests need it")]
#[path = "../../../etcd/tests/server/certificates.rs"]
mod certificates;
mod kinds;
mod lost;
mod moved;
mod plane;
#[path = "../../../etcd/tests/server/server.rs"]
mod server;
mod shown;
