//! What a snapshot alone is not enough for. Start at [`lacks`]. Pure.
//!
//! Sources: RKE2's manual, "Backup and Restore" (the token, and what is under `/bootstrap`); RKE's manual, "Restoring from Backup" (the
//! state file); Kubernetes' manual for kubeadm (`/etc/kubernetes/pki`).

use super::default::{data_of, program};
use super::recognise::FoundSnapshot;
use super::verify::Verified;
use estate::Distribution;
use std::fmt;

/// Something that a recovery needs and the snapshot does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The join token, with which k3s and RKE2 seal their CAs and keys in the snapshot.
    JoinToken {
        /// Its file on a server.
        file: String,
        /// The hash by which k3s and RKE2 tell tokens apart, if it is known: it must be of this one.
        hash: Option<String>,
    },
    /// CAs, their keys and all else that k3s and RKE2 keep under `/bootstrap`: this snapshot has nothing there.
    Bootstrap {
        /// Their folder on a server.
        folder: String,
    },
    /// The keys that objects in it are encrypted with.
    Encryption {
        /// Where the configuration is.
        file: &'static str,
        /// Which, if it was looked into: the provider and the key's name.
        keys: Option<Vec<String>>,
    },
    /// CAs with their keys, and the key that signs tokens of service accounts.
    Authorities {
        /// Where they are.
        folder: &'static str,
    },
    /// RKE1's state file, with certificates and keys.
    StateFile {
        /// Whether the archive was looked into: it may be in there otherwise.
        certain: bool,
    },
    /// RKE1's `cluster.yml`.
    ClusterFile,
    /// The configuration of a host.
    HostFiles {
        /// Where it is.
        folder: &'static str,
    },
    /// Its own SHA-256: `etcdutl`, k3s and RKE2 refuse it, and nothing shows whether it was changed.
    Hash,
}

/// What `snapshot`, of a cluster of `distribution`, lacks for a recovery, the most important first. `directory` is where it lies, if in a
/// directory of its own cluster's host: a data directory elsewhere than usual is known by it. What is `verified` makes it certain.
pub fn lacks(
    snapshot: &FoundSnapshot,
    verified: Option<&Verified>,
    distribution: Distribution,
    directory: Option<&str>,
) -> Vec<Lack> {
    let mut all = match distribution {
        Distribution::K3s | Distribution::Rke2 => of_rancher(snapshot, verified, distribution, directory),
        Distribution::Rke1 => of_rke1(snapshot, verified),
        Distribution::Kubeadm => of_others(
            verified,
            "/etc/kubernetes/pki",
            "the file that --encryption-provider-config of the API server names",
            "/etc/kubernetes",
        ),
        Distribution::Other => of_others(
            verified,
            "the folder with the CAs of the API server and of etcd",
            "the file that --encryption-provider-config of the API server names",
            "the folder with the configuration of the control plane",
        ),
    };
    if verified.is_some_and(|it| !it.hashed) {
        all.push(Lack::Hash);
    }
    all
}

fn of_rancher(
    snapshot: &FoundSnapshot,
    verified: Option<&Verified>,
    distribution: Distribution,
    directory: Option<&str>,
) -> Vec<Lack> {
    let program = program(distribution).unwrap_or("rke2");
    let usual = format!("/var/lib/rancher/{program}");
    let data = directory.and_then(data_of).unwrap_or(&usual);
    let config = match distribution {
        Distribution::K3s => "/etc/rancher/k3s",
        _ => "/etc/rancher/rke2",
    };
    let mut all = match verified {
        Some(it) if it.bootstrap.is_empty() => vec![Lack::Bootstrap { folder: format!("{data}/server") }],
        _ => {
            let seen = verified.and_then(|it| it.bootstrap.first());
            let hash = seen.or(snapshot.token_hash.as_ref()).cloned();
            vec![Lack::JoinToken { file: format!("{data}/server/token"), hash }]
        }
    };
    if let Some(it) = verified.filter(|it| it.bootstrap.is_empty() && !it.encrypted.is_empty()) {
        let file = "server/cred/encryption-config.json in the data directory";
        all.push(Lack::Encryption { file, keys: Some(it.encrypted.clone()) });
    }
    all.push(Lack::HostFiles { folder: config });
    all
}

fn of_rke1(snapshot: &FoundSnapshot, verified: Option<&Verified>) -> Vec<Lack> {
    let has_state = verified.is_some_and(|it| it.state_file.is_some());
    let certain = verified.is_some() || !snapshot.compressed;
    let state = (!has_state).then_some(Lack::StateFile { certain });
    state.into_iter().chain([Lack::ClusterFile]).collect()
}

fn of_others(
    verified: Option<&Verified>,
    authorities: &'static str,
    encryption: &'static str,
    host: &'static str,
) -> Vec<Lack> {
    let keys = verified.map(|it| it.encrypted.clone());
    let encrypted = keys.as_ref().is_none_or(|keys| !keys.is_empty());
    let mut all = vec![Lack::Authorities { folder: authorities }];
    if encrypted {
        all.push(Lack::Encryption { file: encryption, keys });
    }
    all.push(Lack::HostFiles { folder: host });
    all
}

/// A sentence, with where to find it.
impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JoinToken { file, hash } => {
                write!(f, "the join token of that time, {file} on any server")?;
                match hash {
                    Some(hash) => write!(f, ": the one whose hash is {hash}; no other opens it"),
                    None => f.write_str(": no other opens it"),
                }
            }
            Self::Bootstrap { folder } => write!(
                f,
                "CAs, keys and tokens: nothing is under /bootstrap in it, so {folder} of a server is needed, its tls, cred and token"
            ),
            Self::Encryption { file, keys: Some(keys) } => {
                write!(f, "the keys that its objects are encrypted with ({}): {file}", keys.join(", "))
            }
            Self::Encryption { file, keys: None } => {
                write!(f, "the keys that its objects are encrypted with, if they are: {file}")
            }
            Self::Authorities { folder } => write!(
                f,
                "CAs with their keys, and the key of service accounts: {folder}; without them no token and no certificate of the cluster holds"
            ),
            Self::StateFile { certain: true } => f.write_str(
                "cluster.rkestate, with certificates and keys: beside cluster.yml, where rke up was run, or in Rancher's own backup",
            ),
            Self::StateFile { certain: false } => f.write_str(
                "cluster.rkestate, unless it is in the archive, as since RKE 1.1.4: otherwise beside cluster.yml, where rke up was run",
            ),
            Self::ClusterFile => f.write_str("cluster.yml: where rke up was run; of a cluster that Rancher made, in Rancher"),
            Self::HostFiles { folder } => write!(f, "the configuration of its hosts: {folder} of each"),
            Self::Hash => f.write_str(
                "the SHA-256 at its end: etcdutl, k3s and RKE2 refuse it as it is, and lifeboat etcd export makes one with it",
            ),
        }
    }
}
