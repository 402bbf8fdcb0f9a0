//! Taking a snapshot on etcd's own host.

use crate::Error;
use ::etcd::{Client, Connection};
use estate::Distribution;
use std::path::Path;

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The revision at the moment it was begun: the snapshot holds this one at least.
    pub revision: i64,
    /// etcd's own name of the cluster.
    pub cluster_id: u64,
    /// etcd's version.
    pub version: String,
}

/// Takes a snapshot of this host's etcd into the file `into`, as `etcdctl snapshot save` would make it. Not synced: it only waits for the repository.
///
/// # Errors
/// etcd does not give one, or the file cannot be written.
pub async fn take(distribution: Distribution, into: &Path) -> Result<Snapshot, Error> {
    let client = Client::connect(&here(distribution)).await?;
    let status = client.status().await?;
    let spooling = |source| Error::Spool { path: into.to_owned(), source };
    let mut file = tokio::fs::File::create(into).await.map_err(spooling)?;
    client.snapshot(&mut file).await?;
    Ok(Snapshot {
        revision: signed(status.revision),
        cluster_id: status.cluster_id,
        version: status.version,
    })
}

/// The newest revision of this host's etcd.
///
/// # Errors
/// etcd does not answer.
pub async fn revision(distribution: Distribution) -> Result<i64, Error> {
    Ok(signed(Client::connect(&here(distribution)).await?.status().await?.revision))
}

/// etcd counts revisions in signed numbers that are never negative.
fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// How etcd is reached on its own host, as its installer left it.
fn here(distribution: Distribution) -> Connection {
    let (pki, ca, name) = match distribution {
        Distribution::Rke2 => ("/var/lib/rancher/rke2/server/tls/etcd", "server-ca", "client"),
        Distribution::K3s => ("/var/lib/rancher/k3s/server/tls/etcd", "server-ca", "client"),
        Distribution::Kubeadm | Distribution::Rke1 | Distribution::Other => {
            ("/etc/kubernetes/pki/etcd", "ca", "healthcheck-client")
        }
    };
    Connection {
        endpoint: "https://127.0.0.1:2379".to_owned(),
        ca_file: Some(format!("{pki}/{ca}.crt").into()),
        cert_file: Some(format!("{pki}/{name}.crt").into()),
        key_file: Some(format!("{pki}/{name}.key").into()),
        user: None,
    }
}

/// Checks a snapshot that was fetched: that it is what etcd gave, to its last byte.
///
/// # Errors
/// It is not, or cannot be read.
pub async fn verify(file: &Path) -> Result<(), Error> {
    let unreadable = |source| ::etcd::Error::Read { snapshot: file.display().to_string(), source };
    let opened = tokio::fs::File::open(file).await.map_err(unreadable)?;
    ::etcd::verify_snapshot(opened).await?;
    Ok(())
}
