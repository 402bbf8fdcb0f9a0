//! How a cluster's etcd is reached: as the estate says, or as it is found on this host. Start at [`source()`].

use crate::Error;
use ::etcd::{Client, Connection, Members};
use estate::{Cluster, Distribution};
use std::path::{Path, PathBuf};

/// An etcd that can be captured from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Each member that is known, the first of them the one that is asked first.
    pub connections: Vec<Connection>,
    /// How it was installed, where its files say that.
    pub distribution: Option<Distribution>,
    /// Its data directory, where it runs on this host.
    pub data_dir: Option<PathBuf>,
}

impl Found {
    /// The members to capture from; they name each other.
    ///
    /// # Errors
    /// [`Error::NoEtcd`], if none is known.
    pub fn members(&self) -> Result<Members, Error> {
        let mut connections = self.connections.iter().cloned();
        let first = connections
            .next()
            .ok_or_else(|| Error::NoEtcd { why: "no endpoint is given".to_owned() })?;
        Ok(Members::new(first, connections.map(|connection| connection.endpoint)))
    }

    /// The database file of the member on this host.
    pub fn db_file(&self) -> Option<PathBuf> {
        self.data_dir.as_ref().map(|data_dir| data_dir.join("member/snap/db"))
    }
}

/// The etcd of `cluster`, as it is reached from this host, whose root directory is `root`; paths of the estate begin in `directory`.
/// Reads files, and asks nobody.
///
/// # Errors
/// [`Error::NoEtcd`]: the estate gives no endpoints, and none is found on this host.
pub fn source(cluster: &Cluster, directory: &Path, root: &Path) -> Result<Found, Error> {
    if let Some(of) = &cluster.etcd {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| directory.join(path));
        let connection = |endpoint: &str| Connection {
            endpoint: endpoint.to_owned(),
            ca_file: path(&of.ca),
            cert_file: path(&of.cert),
            key_file: path(&of.key),
            user: None,
        };
        return Ok(Found {
            connections: of.endpoints.iter().map(|endpoint| connection(endpoint)).collect(),
            distribution: None,
            data_dir: None,
        });
    }
    let found = ::etcd::hosts::found(root).map_err(|error| Error::NoEtcd { why: error.to_string() })?;
    Ok(Found {
        connections: vec![found.connection],
        distribution: Some(found.distribution),
        data_dir: Some(found.data_dir),
    })
}

/// The newest revision of an etcd, as its leader says: everything written before the question is in it.
///
/// # Errors
/// etcd does not answer.
pub async fn revision(client: &Client) -> Result<u64, ::etcd::Error> {
    // A read of a key that nobody has, which goes through the leader.
    Ok(client.range(b"\0lifeboat", b"", 0, 1).await?.header.revision)
}
