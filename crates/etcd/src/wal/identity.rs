//! Who a member is: etcd derives the ids of members and of the cluster from what they are started with.

use sha1::{Digest, Sha1};

/// A member as the log and the database name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The URLs at which the other members reach it, ascending.
    pub peer_urls: Vec<String>,
}

impl Peer {
    /// The member that etcd makes of `--initial-cluster {name}={url},...` and `--initial-cluster-token {token}`.
    pub fn new(name: &str, peer_urls: &[String], token: &str) -> Self {
        let mut peer_urls = peer_urls.to_vec();
        peer_urls.sort();
        Self {
            id: member_id(&peer_urls, token),
            name: name.to_owned(),
            peer_urls,
        }
    }

    /// It as JSON, as bucket `members` and the log hold it.
    pub(crate) fn json(&self) -> Vec<u8> {
        let peer_urls = serde_json::Value::from(self.peer_urls.clone());
        let name = serde_json::Value::from(self.name.clone());
        format!("{{\"id\":{},\"peerURLs\":{peer_urls},\"name\":{name}}}", self.id).into_bytes()
    }
}

/// The id of a member that is there from the start: the first eight bytes of the SHA-1 of its peer URLs, ascending, and the
/// cluster's token. Source: `computeMemberId` in etcd `server/etcdserver/api/membership/member.go`.
pub fn member_id(peer_urls: &[String], token: &str) -> u64 {
    let mut peer_urls: Vec<_> = peer_urls.iter().map(String::as_str).collect();
    peer_urls.sort_unstable();
    first_word(&[peer_urls.concat().as_bytes(), token.as_bytes()])
}

/// The id of the cluster that these members found: the first eight bytes of the SHA-1 of their ids, ascending. Source: `genID`
/// in etcd `server/etcdserver/api/membership/cluster.go`.
pub fn cluster_id(members: &[u64]) -> u64 {
    let mut members = members.to_vec();
    members.sort_unstable();
    let bytes: Vec<u8> = members.into_iter().flat_map(u64::to_be_bytes).collect();
    first_word(&[&bytes])
}

fn first_word(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha1::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().iter().take(8).fold(0, |n, &byte| n << 8 | u64::from(byte))
}
