//! The only way into Kubernetes and Rancher, and onto hosts.
//!
//! Three ways in, which share nothing: [`Client`] to an API server, [`Manager`] to Rancher as people ask it (and [`ApiProbe`]
//! to an API server as strangers may, [`Web`] to any web server), [`Host`] to run scripts and place files on a machine.
//!
//! Objects are raw JSON ([`serde_json::Value`]) from end to end: a typed struct would drop the fields that it does not know,
//! and a restored object must be the one that was copied. Nothing here logs or prints, and no error carries an object's
//! content. Start at [`Client`]; [`KindRef`] names what it reads and writes, [`Error`] says what went wrong and what to do; the
//! other ways have [`ManagerError`] and [`HostError`].
//!
//! The binary installs rustls' provider (aws-lc-rs) first thing in `main`; this crate does not.
//!
//! Not here: deciding what to copy or in which order to restore (`protect`), typed Kubernetes objects, what a script on a host
//! does, retries of what did not answer (the caller knows how long it may wait).

mod access;
mod client;
mod discovery;
mod error;
mod failure;
mod host;
mod kind;
mod kubeconfig;
mod manager;
mod path;
mod web;
mod wire;
mod write;

pub use client::{Client, List};
pub use error::Error;
pub use host::{Exchange, Host, HostError, SshSettings, quoted};
pub use kind::{KindRef, Kinds, Served};
pub use manager::{ApiProbe, Manager, ManagerError};
pub use web::{Page, Web};

#[cfg(test)]
mod tests;
