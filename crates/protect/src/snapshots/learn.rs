//! What k3s and RKE2 note of a snapshot with the object in a bucket. Start at [`Learned::of`]. Pure.
//!
//! Source: k3s `pkg/etcd/s3/s3.go`: the notes `PROGRAM-cluster-id`, `PROGRAM-node-name` and `PROGRAM-token-hash`.

use super::Maker;
use super::recognise::Cluster;
use std::collections::BTreeMap;

/// What a store says of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// The program that uploaded it.
    pub maker: Option<Maker>,
    /// Its node.
    pub node: Option<String>,
    /// Its cluster.
    pub cluster: Option<Cluster>,
    /// The hash of its cluster's join token.
    pub token_hash: Option<String>,
}

impl Learned {
    /// What these notes say; their names are in lower case.
    pub fn of(notes: &BTreeMap<String, String>) -> Self {
        let note = |program: &str, what: &str| {
            let value = notes.get(&format!("{program}-{what}"))?;
            (!value.is_empty() && value.len() <= 253).then(|| value.clone())
        };
        for (program, maker) in [("k3s", Maker::K3s), ("rke2", Maker::Rke2)] {
            let (node, cluster) = (note(program, "node-name"), note(program, "cluster-id"));
            let token_hash = note(program, "token-hash");
            if node.is_some() || cluster.is_some() || token_hash.is_some() {
                return Self {
                    maker: Some(maker),
                    node,
                    cluster: cluster.map(Cluster::Uid),
                    token_hash,
                };
            }
        }
        Self::default()
    }
}
