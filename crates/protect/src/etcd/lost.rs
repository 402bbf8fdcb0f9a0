//! Points whose moment the history no longer has: nothing of them that is left brings etcd back. Start at [`lost_moments`].

use super::RepositoryShelf;
use ::etcd::history::{History, MomentError, Name as Object};
use estate::{Kind, Name, Point, PointId};
use repository::{Error, Repository};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A point without its moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostMoment {
    /// The point.
    pub point: PointId,
    /// The timeline that it is of.
    pub timeline: u32,
    /// The revision that it is of.
    pub revision: u64,
    /// Why that cannot be rebuilt.
    pub why: String,
}

/// The points of a cluster whose moment cannot be rebuilt, as the names and indexes of its history tell; what the objects hold is not read.
/// A point whose manifest does not open is not among them, and what cannot be opened or listed here tells nothing.
///
/// # Errors
/// As every request.
pub async fn lost_moments(repository: &Repository, cluster: &Name) -> Result<Vec<LostMoment>, Error> {
    let mut points = Vec::new();
    for id in repository.points(cluster).await?.points {
        match repository.point(cluster, &id).await {
            Ok(point) => points.push(point),
            Err(error @ Error::Unreachable { .. }) => return Err(error),
            Err(_) => {}
        }
    }
    let shelf = RepositoryShelf::new(repository, cluster);
    let looking = tokio::task::spawn_blocking(move || {
        let history = History::open(Arc::new(shelf)).ok()?;
        Some(points.iter().filter_map(|point| lost(&history, point)).collect())
    });
    Ok(looking.await.ok().flatten().unwrap_or_default())
}

fn lost(history: &History, point: &Point) -> Option<LostMoment> {
    let (timeline, revision) = (point.timeline, u64::try_from(point.revision).unwrap_or(0));
    let why = match history.moment(timeline, revision) {
        Ok(_) => return None,
        Err(MomentError::NoMoment(why)) => why.to_string(),
        Err(MomentError::File(error)) if error.kind() == Kind::Damaged => error.to_string(),
        Err(MomentError::File(_)) => return None,
    };
    Some(LostMoment { point: point.id.clone(), timeline, revision, why })
}

/// The names of the objects that another repository of the same cluster makes this moment of; none where it has it no more.
pub async fn objects_of(repository: &Repository, cluster: &Name, lost: &LostMoment) -> BTreeSet<String> {
    let (timeline, revision) = (lost.timeline, lost.revision);
    let shelf = RepositoryShelf::new(repository, cluster);
    let looking = tokio::task::spawn_blocking(move || {
        let moment = History::open(Arc::new(shelf)).ok()?.moment(timeline, revision).ok()?;
        let segments = moment.segments().iter().map(|name| Object::Segment(*name).to_string());
        Some(segments.chain([moment.base().name().to_string()]).collect())
    });
    looking.await.ok().flatten().unwrap_or_default()
}
