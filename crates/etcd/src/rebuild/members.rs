//! Who will be in the cluster that is rebuilt: what etcd would be told by `--initial-cluster`.

use crate::wal::Peer;
use std::collections::BTreeSet;

/// The members of a new cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// All of them, in any order.
    pub initial: Vec<Member>,
    /// What `--initial-cluster-token` is: two clusters with the same URLs have different ids if their tokens differ.
    pub token: String,
}

/// A member of a new cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What `--name` is.
    pub name: String,
    /// What `--initial-advertise-peer-urls` are, as in `https://10.0.0.1:2380`.
    pub peer_urls: Vec<String>,
}

impl Members {
    /// A cluster of one member, as k3s and RKE2 want it, too.
    pub fn one(name: &str, peer_url: &str, token: &str) -> Self {
        let member = Member { name: name.to_owned(), peer_urls: vec![peer_url.to_owned()] };
        Self { initial: vec![member], token: token.to_owned() }
    }

    /// Them with their ids.
    ///
    /// # Errors
    /// What etcd would not accept at its start, or would take for something else.
    pub(crate) fn peers(&self) -> Result<Vec<Peer>, String> {
        if self.initial.is_empty() {
            return Err("a cluster needs a member".to_owned());
        }
        let (mut names, mut urls, mut ids) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut peers = Vec::new();
        for member in &self.initial {
            let name = &member.name;
            // A name may become a directory's.
            let is_path = name.contains('/') || name == "." || name == "..";
            if name.is_empty() || is_path || name.contains(|c: char| c == '=' || c == ',' || c.is_control()) {
                return Err(format!("{name:?} is no name that a member can have"));
            }
            if !names.insert(name) {
                return Err(format!("two members are called {name:?}"));
            }
            if member.peer_urls.is_empty() {
                return Err(format!("member {name:?} has no peer URL"));
            }
            for url in &member.peer_urls {
                check_url(url).map_err(|why| format!("peer URL {url:?} of member {name:?} {why}"))?;
                if !urls.insert(url) {
                    return Err(format!("peer URL {url:?} is there twice"));
                }
            }
            let peer = Peer::new(name, &member.peer_urls, &self.token);
            if peer.id == 0 || !ids.insert(peer.id) {
                return Err(format!("the id of member {name:?} is taken: choose another token"));
            }
            peers.push(peer);
        }
        Ok(peers)
    }
}

/// Accepts what etcd does (`types.NewURLs` in etcd `client/pkg/types/urls.go`), as long as etcd would write it the same way: the
/// id is made of the text.
fn check_url(url: &str) -> Result<(), &'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or("begins neither with http:// nor with https://")?;
    let (host, port) = rest.rsplit_once(':').ok_or("has no port")?;
    if port.parse::<u16>().is_err() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("has no port");
    }
    let inner = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').ok_or("has a bracket too few")?,
        None if host.contains(':') => return Err("has an address of IPv6 without brackets"),
        None => host,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    if inner.is_empty() || !inner.bytes().all(plain) {
        return Err("has no host, or something else than host and port");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
