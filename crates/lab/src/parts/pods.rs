//! Pods.
use crate::topology::{Host, Topology};
use crate::tree::Tree;
pub(super) fn render(_tree: &mut Tree, _lab: &Topology, _host: &Host) {}
