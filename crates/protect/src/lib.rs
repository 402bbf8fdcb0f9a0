//! How copies are taken and put back: a folder a kind, `take` and `restore` side by side.
//!
//! Start at [`take`], which makes a whole recovery point: etcd and the files without which it is useless. [`etcd`] and
//! [`files`] are the kinds; [`resources`] looks at the objects in etcd's records; [`manifest`] reads what a kubeadm host says of its own control plane;
//! [`snapshots`] finds what others have made, k3s, RKE2, RKE1 or `etcdctl`; [`verify`] rebuilds a point and tests all of it.
//!
//! Not here: when a copy is taken or which one is restored (`daemon`, `plan`), where copies live (`repository`), starting and
//! stopping what is restored (`recovery`).

pub mod complete;
mod error;
pub mod etcd;
pub mod files;
pub mod manifest;
mod point;
pub mod resources;
pub mod snapshots;
pub mod verify;

pub use error::Error;
pub use point::{Source, Taken, take};

#[cfg(test)]
mod tests;
