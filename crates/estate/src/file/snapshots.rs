//! Where snapshots of etcd lie that others made: k3s, RKE2, RKE1 or etcdctl. Start at [`SnapshotPlace`].

use super::check::{Checked, refers, wrong};
use super::{Cluster, Estate, Placed, SecretRef, StoreUrl};
use crate::{Distribution, Name};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// A directory or a bucket with snapshots, which Lifeboat only ever reads.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotPlace {
    /// The directory; without this and without `url` the one in which the host's distribution keeps them.
    pub directory: Option<Placed<PathBuf>>,
    /// The host that it is on; without this the machine on which Lifeboat runs.
    pub host: Option<Placed<Name>>,
    /// The bucket, and the folder in it.
    pub url: Option<Placed<StoreUrl>>,
    /// The URL of the bucket's server, `http://` or `https://`; without it the cloud's own.
    pub endpoint: Option<Placed<String>>,
    /// The region of an S3 bucket; without it the environment's, or else `us-east-1`.
    pub region: Option<Placed<String>>,
    /// The id of an S3 access key, which needs to read and list only. Without it the environment's, or else the cloud's own.
    pub access_key: Option<Placed<SecretRef>>,
    /// The secret of that key.
    pub secret_key: Option<Placed<SecretRef>>,
}

impl SnapshotPlace {
    /// The secrets that it refers to, by their keys.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretRef)> {
        let both = [("accessKey", &self.access_key), ("secretKey", &self.secret_key)];
        both.into_iter().filter_map(|(key, secret)| Some((key, &**secret.as_ref()?)))
    }
}

impl Estate {
    /// The rules for where a cluster's existing snapshots lie.
    pub(super) fn check_snapshots(&self, cluster: &Cluster) -> Checked {
        cluster
            .snapshots
            .iter()
            .try_for_each(|place| self.check_snapshot_place(place, cluster.distribution()))
    }

    fn check_snapshot_place(&self, of: &SnapshotPlace, distribution: Distribution) -> Checked {
        if let Some(host) = &of.host {
            refers(host, &self.hosts, "host")?;
        }
        match (&of.url, &of.directory, &of.host) {
            (Some(_), Some(directory), _) => {
                let message = "snapshots are in a directory or in a bucket: give directory or url";
                return wrong(directory.place(), message.to_owned());
            }
            (Some(_), None, Some(host)) => {
                return wrong(host.place(), "host goes with directory: a bucket is on no host".to_owned());
            }
            (None, None, None) => {
                let message = "snapshots are in a directory or in a bucket: give directory, host or url".to_owned();
                return wrong(super::check::nowhere(), message);
            }
            (None, None, Some(host)) if !keeps_snapshots(distribution) => {
                let message = format!("{distribution} keeps no snapshots by itself: give directory, too");
                return wrong(host.place(), message);
            }
            (None, Some(directory), Some(_)) if !directory.is_absolute() => {
                let message = "a directory on another host begins with /".to_owned();
                return wrong(directory.place(), message);
            }
            _ => {}
        }
        check_bucket(of)
    }
}

/// Whether a distribution makes snapshots in a directory of its own.
fn keeps_snapshots(distribution: Distribution) -> bool {
    matches!(distribution, Distribution::K3s | Distribution::Rke2 | Distribution::Rke1)
}

fn check_bucket(of: &SnapshotPlace) -> Checked {
    let scheme = of.url.as_ref().map_or("directory", |url| url.scheme());
    if let Some(url) = of.url.as_ref().filter(|_| scheme == "file") {
        return wrong(url.place(), "a directory is given as directory, not as url".to_owned());
    }
    for (key, at, schemes) in [
        ("endpoint", of.endpoint.as_ref().map(Placed::place), &["s3", "gs", "az"][..]),
        ("region", of.region.as_ref().map(Placed::place), &["s3"]),
        ("accessKey", of.access_key.as_ref().map(Placed::place), &["s3"]),
        ("secretKey", of.secret_key.as_ref().map(Placed::place), &["s3"]),
    ] {
        if let Some(at) = at.filter(|_| !schemes.contains(&scheme)) {
            return wrong(at, format!("{key} goes with the url of a bucket: {}:", schemes.join(":, ")));
        }
    }
    if let Some(endpoint) = &of.endpoint {
        super::check::check_url(endpoint)?;
    }
    match (&of.access_key, &of.secret_key) {
        (Some(one), None) | (None, Some(one)) => {
            let message = "accessKey and secretKey go together: give both, or neither for those of the environment";
            wrong(one.place(), message.to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
