//! A whole recovery point: a moment of etcd's history and the files that it needs, so that they fit together. Start at [`take`].

use crate::{Error, etcd, files};
use ::etcd::Client;
use ::etcd::capture::Behind;
use cluster::Host;
use estate::{Distribution, Epoch, HashProof, Name, Point, PointId};
use repository::Repository;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// How long the history may take to reach the moment. Segments are stored within a second of a change.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is copied, and in whose name.
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
    /// Its etcd.
    pub etcd: &'a Client,
    /// How far its history is, as whoever captures it publishes.
    pub behind: watch::Receiver<Behind>,
    /// The newest proof of the history.
    pub proof: Option<HashProof>,
    /// Why it is made, where somebody asks for it.
    pub reason: Option<String>,
}

/// Makes a point of `source` in `repository`: the moment is chosen, its history waited for, its files stored, then the manifest that
/// binds them. `spool` is a directory on this host that is used meanwhile and cleared before and after.
///
/// Guarantees: a point that can be listed is whole, its history stored before it; a crash at any moment leaves parts that count for
/// nothing.
///
/// # Errors
/// Any [`Error`]; then there is no new point.
pub async fn take(source: Source<'_>, repository: &Repository, spool: &Path) -> Result<Point, Error> {
    clear(spool).await?;
    let taken = take_into(source, repository, spool).await;
    // What is left of a failure is cleared by the next one, if not now.
    _ = clear(spool).await;
    taken
}

async fn take_into(mut source: Source<'_>, repository: &Repository, spool: &Path) -> Result<Point, Error> {
    let before = files_of(&source).await?;
    let begun = ambient::now();
    let id = PointId::new(source.epoch, begun, &ambient::random_id(4))?;
    let revision = etcd::revision(source.etcd).await?;
    let status = source.etcd.status().await?;
    let (timeline, revision) = reached(&mut source.behind, source.cluster, revision).await?;
    // Keys that were rotated in between would not open what was just chosen.
    let differing = before.differing(&files_of(&source).await?);
    if !differing.is_empty() {
        let host = source.host.name().to_owned();
        return Err(Error::Moved { host, names: differing.join(", ") });
    }
    let file = spool.join("files");
    let tar = before.archive().map_err(spooling(&file))?;
    tokio::fs::write(&file, tar).await.map_err(spooling(&file))?;
    let mut new = repository.begin(source.cluster, &id);
    let parts = vec![new.part("files", &file).await?];
    let point = Point {
        id,
        cluster: source.cluster.clone(),
        distribution: source.distribution,
        epoch: source.epoch,
        site: source.site.clone(),
        host: source.host_name.clone(),
        begun,
        stored: ambient::now(),
        timeline,
        revision: i64::try_from(revision).unwrap_or(i64::MAX),
        etcd_cluster_id: status.cluster_id,
        etcd_version: status.version,
        // One of an earlier timeline says nothing of this one.
        proof: source.proof.filter(|proof| proof.timeline == timeline),
        lacks: Vec::new(),
        reason: source.reason,
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

/// Waits until the history holds a revision: its timeline, and the end of what is stored, which a segment ends on.
async fn reached(behind: &mut watch::Receiver<Behind>, cluster: &Name, revision: u64) -> Result<(u32, u64), Error> {
    let late = || Error::Behind {
        cluster: cluster.to_string(),
        revision,
        waited_s: PATIENCE.as_secs(),
    };
    let holds = |behind: &Behind| behind.stored.is_some_and(|stored| stored >= revision);
    match tokio::time::timeout(PATIENCE, behind.wait_for(holds)).await {
        Ok(Ok(behind)) => Ok((behind.timeline, behind.stored.unwrap_or(revision))),
        // Nobody captures any more, or not in time.
        Ok(Err(_)) | Err(_) => Err(late()),
    }
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
