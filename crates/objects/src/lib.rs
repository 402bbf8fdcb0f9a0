//! What the records of an etcd are to Kubernetes: which object a key belongs to, and what a value says. Pure.
//!
//! Start where the question is:
//! - which object a key holds, and which keys a person means by `deployments/shop/web`: [`key`];
//! - what a value is: [`read`], over [`envelope`] (how it is wrapped), [`encryption`] (at rest) and [`schema`] (protocol buffers);
//! - what may be shown of it: [`mask`]; as text: [`yaml`]; and so that a terminal shows it: [`tame`];
//! - what is different between two states: [`changes`];
//! - what of it another API server takes back, and in which order: [`revive`];
//! - what of it has to be otherwise on other hosts: [`transplant`].
//!
//! Not here: etcd (a key and a value are bytes here), API servers, files.

pub mod changes;
mod definition;
pub mod encryption;
pub mod envelope;
pub mod key;
pub mod mask;
mod proto;
mod read;
pub mod revive;
pub mod schema;
pub mod tame;
pub mod transplant;
pub mod yaml;

pub use read::{Content, Object, Opaque, read};
