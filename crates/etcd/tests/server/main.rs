//! The client against real etcd, in every version that is installed. Start at `snapshot`; `server` starts etcd.
//!
//! Ignored by `cargo test`, since they need the programs that a lab installs (`cargo xtask test` does), or a directory named
//! by `LIFEBOAT_ETCD` with etcd, etcdctl and etcdutl of one version:
//! `cargo test --package etcd --test server -- --ignored`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod calls;
mod capture;
mod certificates;
mod database;
mod import;
mod proof;
mod rebuild;
mod refusals;
mod server;
mod snapshot;
mod stand_in;
mod users;
mod watch;
