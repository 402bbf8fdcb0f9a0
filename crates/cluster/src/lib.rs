//! The only way into Kubernetes.
//!
//! Objects are raw JSON ([`serde_json::Value`]) from end to end: a typed struct would drop the fields that it does not know,
//! and a restored object must be the one that was copied. Nothing here logs or prints, and no error carries an object's
//! content. Start at [`Client`]; [`KindRef`] names what it reads and writes, [`Error`] says what went wrong and what to do.
//!
//! The binary installs rustls' provider (aws-lc-rs) first thing in `main`; this crate does not.
//!
//! Not here: deciding what to copy or in which order to restore (`protect`), typed Kubernetes objects, retries of what did
//! not answer (the caller knows how long it may wait).

mod client;
mod discovery;
mod error;
mod failure;
mod kind;
mod kubeconfig;
mod path;
mod wire;
mod write;

pub use client::{Client, List};
pub use error::Error;
pub use kind::{KindRef, Kinds, Served};

#[cfg(test)]
mod tests;
