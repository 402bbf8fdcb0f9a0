//! A whole recovery point: etcd and the files that it needs, taken so that they fit together.

use crate::{Error, etcd, files};
use cluster::Host;
use estate::{Distribution, Epoch, Name, Point, PointId};
use repository::Repository;
use std::path::Path;

/// What is copied, and in whose name.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The cluster.
    pub cluster: &'a Name,
    /// How it was installed.
    pub distribution: Distribution,
    /// The site that serves it.
    pub site: &'a Name,
    /// The epoch that it holds.
    pub epoch: Epoch,
    /// The host that is copied: this one.
    pub host: &'a Host,
    /// Its name.
    pub host_name: &'a Name,
}

/// Takes a copy of `source` into `repository`: parts first, then the manifest that makes them a point. `spool` is a directory
/// on this host that is used meanwhile and cleared before and after, so a slow repository never slows etcd.
///
/// Guarantees: a point that can be listed is whole; a crash at any moment leaves parts that count for nothing.
///
/// # Errors
/// Any [`Error`]; then there is no new point.
pub async fn take(source: &Source<'_>, repository: &Repository, spool: &Path) -> Result<Point, Error> {
    clear(spool).await?;
    let taken = take_into(source, repository, spool).await;
    // What is left of a failure is cleared by the next copy, if not now.
    _ = clear(spool).await;
    taken
}

async fn take_into(source: &Source<'_>, repository: &Repository, spool: &Path) -> Result<Point, Error> {
    let before = files_of(source).await?;
    let begun = ambient::now();
    let id = PointId::new(source.epoch, begun, &ambient::random_id(4))?;
    let (etcd_file, files_file) = (spool.join("etcd"), spool.join("files"));
    let snapshot = etcd::take(source.distribution, &etcd_file).await?;
    // Keys that were rotated in between would not open what was just copied.
    let differing = before.differing(&files_of(source).await?);
    if !differing.is_empty() {
        return Err(Error::Moved {
            host: source.host.name().to_owned(),
            names: differing.join(", "),
        });
    }
    let tar = before.archive().map_err(spooling(&files_file))?;
    tokio::fs::write(&files_file, tar).await.map_err(spooling(&files_file))?;
    let mut new = repository.begin(source.cluster, &id);
    let parts = vec![
        new.part("files", &files_file).await?,
        new.part("etcd", &etcd_file).await?,
    ];
    let point = Point {
        id,
        cluster: source.cluster.clone(),
        distribution: source.distribution,
        epoch: source.epoch,
        site: source.site.clone(),
        host: source.host_name.clone(),
        begun,
        stored: ambient::now(),
        revision: snapshot.revision,
        etcd_cluster_id: snapshot.cluster_id,
        etcd_version: snapshot.version,
        parts,
    };
    new.commit(&point).await?;
    Ok(point)
}

async fn files_of(source: &Source<'_>) -> Result<files::Files, Error> {
    let wanted = files::wanted(source.host, source.distribution, &files::Settings::default()).await?;
    let tree = files::take(source.host, &wanted).await?.whole(source.host.name())?;
    Ok(files::Files::one(source.host_name.as_str(), tree))
}

/// Makes the spool an empty directory that only its owner enters.
async fn clear(spool: &Path) -> Result<(), Error> {
    match tokio::fs::remove_dir_all(spool).await {
        Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => return Err(spooling(spool)(reason)),
        _ => {}
    }
    tokio::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(spool)
        .await
        .map_err(spooling(spool))
}

fn spooling(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Spool { path, source }
}
