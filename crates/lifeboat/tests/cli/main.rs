//! Sessions with the real binary: what a person types, and all that comes back.
//!
//! Each test is a golden file in `snapshots`. After a wanted change: `INSTA_UPDATE=always cargo test -p lifeboat --test cli`,
//! then read the diff.

#![expect(clippy::unwrap_used, reason = "a test stops at whatever is not as it must be")]

mod errors;
mod estate;
mod etcd;
mod held;
mod help;
mod init;
mod kept;
mod place;
mod refused;
mod repository;
mod restore;
mod session;
mod show;
mod verified;
