//! `cargo xtask bench etcd`: what a history costs and gains, each work beside a peer in one run. Start at `benches`.

#![allow(dead_code, unused_imports, reason = "being built up")]
mod printer;
mod workload;

fn main() {}
