//! A whole recovery point: a moment of etcd's history and the files that it needs, so that they fit together. Start at [`take`].

use crate::{Error, etcd, files};
use ::etcd::Client;
use ::etcd::capture::Behind;
use cluster::Host;
use estate::{Distribution, Epoch, HashProof, Name, Point, PointId};
use files::{Files, Need, Settings};
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
    /// The host that the point is made on.
    pub host: &'a Name,
    /// The hosts whose files are copied, by name.
    pub hosts: &'a [(Name, Host)],
    /// Which files.
    pub settings: &'a Settings,
    /// Its etcd.
    pub etcd: &'a Client,
    /// How far its history is, as whoever captures it publishes.
    pub behind: watch::Receiver<Behind>,
    /// The newest proof of the history.
    pub proof: Option<HashProof>,
    /// What its recovery set lacked when it was judged last.
    pub lacks: Option<Vec<String>>,
    /// What of that could not be tested.
    pub untested: Vec<String>,
    /// Why it is made, where somebody asks for it.
    pub reason: Option<String>,
}

/// A point, and the files that are in it.
pub struct Taken {
    /// The point, as it was stored.
    pub point: Point,
    /// The files.
    pub files: Files,
}

/// Makes a point of `source` in `repository`: the moment is chosen, its history waited for, its files stored, then the manifest that
/// binds them. `spool` is a directory on this host that is used meanwhile and cleared before and after.
///
/// Guarantees: a point that can be listed is whole, its history stored before it; a crash at any moment leaves parts that count for
/// nothing. What of its hosts' files could not be had is named in it.
///
/// # Errors
/// Any [`Error`]; then there is no new point.
pub async fn take(source: Source<'_>, repository: &Repository, spool: &Path) -> Result<Taken, Error> {
    clear(spool).await?;
    let taken = take_into(source, repository, spool).await;
    // What is left of a failure is cleared by the next one, if not now.
    _ = clear(spool).await;
    taken
}

async fn take_into(mut source: Source<'_>, repository: &Repository, spool: &Path) -> Result<Taken, Error> {
    let (before, lacks) = files_of(&source).await?;
    let begun = ambient::now();
    let id = PointId::new(source.epoch, begun, &ambient::random_id(4))?;
    let revision = etcd::revision(source.etcd).await?;
    let status = source.etcd.status().await?;
    let (timeline, revision) = reached(&mut source.behind, source.cluster, revision).await?;
    // Keys that were rotated in between would not open what was just chosen.
    let (after, _) = files_of(&source).await?;
    let differing = before.differing(&after);
    if !differing.is_empty() {
        let host = source.host.to_string();
        return Err(Error::Moved { host, names: differing.join(", ") });
    }
    let file = spool.join("files");
    let tar = before.archive().map_err(spooling(&file))?;
    tokio::fs::write(&file, tar).await.map_err(spooling(&file))?;
    let mut new = repository.begin(source.cluster, &id);
    let parts = vec![new.part("files", &file).await?];
    // What is missing now is sure; the rest is as it was judged last.
    let lacks = match (lacks.is_empty(), source.lacks) {
        (true, judged) => judged,
        (false, judged) => Some(lacks.into_iter().chain(judged.unwrap_or_default()).collect()),
    };
    let point = Point {
        id,
        cluster: source.cluster.clone(),
        distribution: source.distribution,
        epoch: source.epoch,
        site: source.site.clone(),
        host: source.host.clone(),
        begun,
        stored: ambient::now(),
        timeline,
        revision: i64::try_from(revision).unwrap_or(i64::MAX),
        etcd_cluster_id: status.cluster_id,
        etcd_version: status.version,
        // One of an earlier timeline says nothing of this one.
        proof: source.proof.filter(|proof| proof.timeline == timeline),
        lacks,
        untested: source.untested,
        reason: source.reason,
        parts,
    };
    new.commit(&point).await?;
    Ok(Taken { point, files: before })
}

/// The files of all hosts that can be reached, and what of them could not be had.
async fn files_of(source: &Source<'_>) -> Result<(Files, Vec<String>), Error> {
    let (mut files, mut lacks) = (Files::default(), Vec::new());
    for (name, host) in source.hosts {
        match of_host(host, source).await {
            Ok(taken) => {
                let required = taken.missing.iter().filter(|it| it.need == Need::Required);
                lacks.extend(required.map(|it| {
                    let left_out = taken.skipped.iter().find(|left| left.path == it.path);
                    let why = left_out.map_or_else(|| it.why.clone(), |left| left.why.to_string());
                    format!("{} of {name}: {why}", it.path)
                }));
                files.0.insert(name.to_string(), taken.tree);
            }
            // One that does not answer is no reason to have nothing of the others.
            Err(Error::Host(error)) => lacks.push(format!("the files of {name}: {error}")),
            Err(other) => return Err(other),
        }
    }
    Ok((files, lacks))
}

async fn of_host(host: &Host, source: &Source<'_>) -> Result<files::Taken, Error> {
    let wanted = files::wanted(host, source.distribution, source.settings).await?;
    let taken = files::take(host, &wanted).await?;
    if taken.of_one_moment {
        Ok(taken)
    } else {
        Err(Error::Moved {
            host: host.name().to_owned(),
            names: "again and again".to_owned(),
        })
    }
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
