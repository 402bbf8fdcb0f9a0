//! Tidiness: what must hold for the tree as a whole, as plain tests. Each says what to do about what it finds.

#![expect(clippy::unwrap_used, reason = "a test stops at whatever is not as it must be")]

mod arrows;
mod codes;
mod dependencies;
mod files;
mod licences;
mod links;
mod manifests;
mod names;
mod tree;
