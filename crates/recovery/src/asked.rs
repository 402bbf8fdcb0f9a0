//! The copy that a person asks for, opened: its manifest, and the files that are in it. Start at [`files`].

use crate::Trouble;
use crate::spool::Spool;
use estate::{Kind, Name, Point, PointId};
use jiff::Timestamp;
use protect::files::{ArchiveLimits, Files};
use repository::Repository;

/// The part of a point that has the hosts' files.
const FILES: &str = "files";

/// How many older copies are opened to offer one that is sound.
const OFFERED: usize = 50;

/// Which copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The newest.
    Newest,
    /// The newest that was begun at this time or before.
    At(Timestamp),
    /// This one.
    Point {
        /// Its id.
        id: PointId,
        /// Whether a person accepts it even if nobody who is trusted has signed it.
        accept_unsigned: bool,
    },
}

/// A copy, opened.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Its manifest.
    pub point: Point,
    /// Why it is not to be trusted, if nobody who is has signed it: a person accepts that.
    pub unsigned: Option<String>,
    /// The files of the hosts in it.
    pub files: Files,
}

impl Asked {
    /// Which of `points`, newest first, it is. Purely.
    pub fn among<'a>(&'a self, points: &'a [PointId]) -> Option<&'a PointId> {
        match self {
            Self::Newest => points.first(),
            Self::At(time) => points.iter().find(|id| id.at().is_some_and(|at| at <= *time)),
            Self::Point { id, .. } => Some(id),
        }
    }

    fn accepts_unsigned(&self) -> bool {
        matches!(self, Self::Point { accept_unsigned: true, .. })
    }
}

/// Opens the manifest of the copy of `cluster` that is asked for, and why it is not to be trusted, if a person accepts that. `again` is
/// the command that another copy can be given to, by `--at`.
///
/// # Errors
/// There is none; it cannot be opened: then the hint names the newest one before it that can.
pub async fn point(
    repository: &Repository,
    cluster: &Name,
    asked: &Asked,
    again: &str,
) -> Result<(Point, Option<String>), Trouble> {
    let id = id(repository, cluster, asked).await?;
    match manifest(repository, cluster, &id, asked.accepts_unsigned()).await {
        Err(trouble) if trouble.is_of_the_copy() => {
            let older = crate::gather::openable_before(repository, cluster, &id).await;
            Err(offering(trouble, older, again))
        }
        opened => opened,
    }
}

/// The same with the files in it: a copy is sound when its files are.
///
/// # Errors
/// As [`point`]; it has no files.
pub async fn files(repository: &Repository, cluster: &Name, asked: &Asked, again: &str) -> Result<Copied, Trouble> {
    let id = id(repository, cluster, asked).await?;
    match open(repository, cluster, &id, asked.accepts_unsigned()).await {
        Err(trouble) if trouble.is_of_the_copy() => {
            let older = sound_before(repository, cluster, &id).await;
            Err(offering(trouble, older, again))
        }
        opened => opened,
    }
}

async fn id(repository: &Repository, cluster: &Name, asked: &Asked) -> Result<PointId, Trouble> {
    if let Asked::Point { id, .. } = asked {
        return Ok(id.clone());
    }
    let points = repository.points(cluster).await?.points;
    asked.among(&points).cloned().ok_or_else(|| {
        let none = |why: String, hint: &str| Trouble::new("LB0309", Kind::Person, why).hint(hint);
        match (asked, points.last().and_then(PointId::at)) {
            (Asked::At(time), Some(oldest)) => {
                let message = format!("there is no copy of {cluster} from {time} or before: the oldest is of {oldest}");
                none(message, "--at a later time, or without --at for the newest")
            }
            _ => none(format!("there is no copy of {cluster}"), "lifeboat status"),
        }
    })
}

async fn manifest(
    repository: &Repository,
    cluster: &Name,
    id: &PointId,
    accept_unsigned: bool,
) -> Result<(Point, Option<String>), Trouble> {
    match accept_unsigned {
        true => Ok(repository.point_unsigned(cluster, id).await?),
        false => Ok((repository.point(cluster, id).await?, None)),
    }
}

async fn open(repository: &Repository, cluster: &Name, id: &PointId, accept_unsigned: bool) -> Result<Copied, Trouble> {
    let (point, unsigned) = manifest(repository, cluster, id, accept_unsigned).await?;
    if point.part(FILES).is_none() {
        let message = format!("copy {id} has no files of hosts in it");
        return Err(Trouble::new("LB0421", Kind::Invalid, message).hint("--at another copy: lifeboat points"));
    }
    let spool = |reason: std::io::Error| {
        let message = format!("the copy cannot be laid onto this machine: {reason}");
        Trouble::new("LB0308", Kind::Person, message).hint(format!("df -h {}", std::env::temp_dir().display()))
    };
    let place = Spool::new().map_err(spool)?;
    let file = place.path().join(FILES);
    repository.fetch(cluster, &point, FILES, &file).await?;
    let bytes = std::fs::read(&file).map_err(spool)?;
    let files = Files::read(&bytes, &ArchiveLimits::default()).map_err(|bad| {
        let mut trouble = Trouble::from(protect::Error::from(bad));
        trouble.message = format!("the files of copy {id} cannot be used");
        trouble
    })?;
    Ok(Copied { point, unsigned, files })
}

/// The newest copy before `id` whose files are sound. Not searched for ever: somebody may have planted any number.
async fn sound_before(repository: &Repository, cluster: &Name, id: &PointId) -> Option<PointId> {
    let points = repository.points(cluster).await.ok()?.points;
    for older in points.into_iter().filter(|older| older < id).take(OFFERED) {
        match open(repository, cluster, &older, false).await {
            Ok(_) => return Some(older),
            // A store that is silent for one is silent for all, and each takes its time.
            Err(trouble) if trouble.may_pass() => return None,
            Err(_) => {}
        }
    }
    None
}

/// The newest copy of `cluster` that etcd can be rebuilt from, of those whose revision is below `revision` of `timeline` or on an
/// earlier timeline: each that is tried is rebuilt. What is damaged in a history harms all that comes after it, so that not all have to
/// be tried.
pub async fn rebuildable_before(
    repository: &Repository,
    cluster: &Name,
    (timeline, revision): (u32, u64),
) -> Option<PointId> {
    let mut points: Vec<Point> = Vec::new();
    for id in repository.points(cluster).await.ok()?.points {
        let Ok(point) = repository.point(cluster, &id).await else {
            continue;
        };
        let at = (point.timeline, u64::try_from(point.revision).unwrap_or(0));
        let is_new = points
            .last()
            .is_none_or(|last| (last.timeline, last.revision) != (point.timeline, point.revision));
        if at < (timeline, revision) && is_new {
            points.push(point);
        }
        if points.len() >= OFFERED {
            break;
        }
    }
    let sound = async |at: usize| match points.get(at) {
        Some(point) => rebuilds(repository, cluster, point).await,
        None => false,
    };
    let at = first_sound(points.len(), sound).await?;
    points.get(at).map(|point| point.id.clone())
}

/// The newest point of `cluster` that is sound in the place of `bad`: its files open, and its moment can be rebuilt. With `harmed`, the
/// history is damaged at that moment or before, so that it is looked for below it.
pub async fn sound_instead(
    repository: &Repository,
    cluster: &Name,
    bad: &PointId,
    harmed: Option<(u32, u64)>,
) -> Option<PointId> {
    let mut points = repository.points(cluster).await.ok()?.points;
    points.retain(|id| id != bad);
    if let Some(moment) = harmed {
        let first = rebuildable_before(repository, cluster, moment).await?;
        points.retain(|id| *id <= first);
    }
    for id in points.into_iter().take(OFFERED) {
        match open(repository, cluster, &id, false).await {
            Ok(copied) if rebuilds(repository, cluster, &copied.point).await => return Some(id),
            // A store that is silent for one is silent for all, and each takes its time.
            Err(trouble) if trouble.may_pass() => return None,
            _ => {}
        }
    }
    None
}

/// The first of `count` that is sound, where all after it are: looks further and further ahead, and then between.
async fn first_sound(count: usize, sound: impl AsyncFn(usize) -> bool) -> Option<usize> {
    let last = count.checked_sub(1)?;
    let (mut first, mut at, mut step) = (0, 0, 1);
    while !sound(at).await {
        if at == last {
            return None;
        }
        first = at + 1;
        at = (at + step).min(last);
        step *= 2;
    }
    while first < at {
        let middle = usize::midpoint(first, at);
        if sound(middle).await {
            at = middle;
        } else {
            first = middle + 1;
        }
    }
    Some(at)
}

async fn rebuilds(repository: &Repository, cluster: &Name, point: &Point) -> bool {
    let Ok(place) = Spool::new() else { return false };
    protect::etcd::export(repository, cluster, point, None, &place.path().join("etcd"))
        .await
        .is_ok()
}

fn offering(trouble: Trouble, older: Option<PointId>, again: &str) -> Trouble {
    match older {
        Some(older) => trouble.hint(format!("{again} --at {older}: the newest sound one before it")),
        None => trouble.hint(crate::gather::NONE_BEFORE),
    }
}

#[cfg(test)]
mod tests;
