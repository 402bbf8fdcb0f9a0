//! The whole road in the lab: sites die, are cut off and come back, copies and disks are damaged, and Lifeboat itself is
//! killed. Start at `world`, which brings up an estate that Lifeboat serves.
//!
//! All are ignored by `cargo test`: they need root and the machine for themselves. `cargo xtask test` runs them.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod damaged;
mod hung;
mod killed;
mod lost;
mod mismatched;
mod moment;
mod moved;
mod playbooks;
mod rancher;
mod rebuilt;
mod remade;
mod shop;
#[path = "../objects/shown.rs"]
mod shown;
mod switched;
mod tools;
mod world;
