//! A point of a cluster, or a snapshot that others made, rebuilt and tested. Start at [`verify`].

use crate::asked;
use crate::spool::Spool;
use crate::{Trouble, World, adopted};
use estate::{Kind, Name, Point, PointId};
use jiff::Timestamp;
use protect::snapshots::{Place, lacks};
use protect::verify::{How, Outcome, Test, Verified, verify_snapshot};
use repository::Repository;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest point.
    Newest,
    /// This one.
    Point(PointId),
    /// The snapshot that others made and call so.
    Snapshot(String),
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The point's id, or the snapshot's name.
    pub id: String,
    /// What a point's manifest says; none of a snapshot.
    pub point: Option<Point>,
    /// When it was begun.
    pub at: Option<Timestamp>,
    /// What was tested.
    pub verified: Verified,
    /// In the place of one that is damaged: the newest sound one.
    pub instead: Option<PointId>,
}

/// Rebuilds what is asked for in a directory that is removed afterwards, or in `keep`, which is made and stays, and tests it; `etcd` is
/// started on a copy.
///
/// # Errors
/// There is none; its manifest does not open: then the hint names the newest sound one; `keep` is not empty; as opening and fetching.
pub async fn verify(
    world: &World,
    cluster: &Name,
    which: &Which,
    (keep, etcd): (Option<&Path>, Option<PathBuf>),
) -> Result<Shown, Trouble> {
    let own = match keep {
        None => Some(Spool::new().map_err(|reason| unwritable(&std::env::temp_dir(), &reason))?),
        Some(keep) => {
            vacant(keep)?;
            None
        }
    };
    let place = own.as_ref().map(Spool::path).or(keep).unwrap_or(Path::new(".")).to_owned();
    let how = How { place, etcd, now: ambient::now() };
    if let Which::Snapshot(name) = which {
        return of_snapshot(world, cluster, name, &how).await;
    }
    let repository = world.repository(&world.cluster(cluster)?.repository)?;
    let id = match which {
        Which::Point(id) => id.clone(),
        _ => newest(&repository, cluster).await?,
    };
    of_point(&repository, cluster, id, &how).await
}

async fn newest(repository: &Repository, cluster: &Name) -> Result<PointId, Trouble> {
    let points = repository.points(cluster).await?.points;
    points.into_iter().next().ok_or_else(|| {
        Trouble::new("LB0309", Kind::Person, format!("there is no copy of {cluster}")).hint("lifeboat status")
    })
}

async fn of_point(repository: &Repository, cluster: &Name, id: PointId, how: &How) -> Result<Shown, Trouble> {
    let point = match repository.point(cluster, &id).await {
        Ok(point) => point,
        Err(error) => {
            if matches!(error, repository::Error::NotFound { .. }) {
                let message = format!("{cluster} has no point {id}");
                return Err(Trouble::new("LB0303", Kind::Invalid, message).hint(format!("lifeboat points {cluster}")));
            }
            let trouble = Trouble::from(error);
            if !trouble.is_of_the_copy() {
                return Err(trouble);
            }
            let instead = asked::sound_instead(repository, cluster, &id, None).await;
            return Err(trouble.hint(next(cluster, instead.as_ref())));
        }
    };
    let verified = protect::verify::verify(repository, &point, how).await?;
    let harmed = |test: Test| verified.damaged().any(|it| it.test == test);
    let moment = (point.timeline, u64::try_from(point.revision).unwrap_or(0));
    let instead = match (verified.damaged().next(), harmed(Test::History) || harmed(Test::Database)) {
        (None, _) => None,
        (Some(_), true) => asked::sound_instead(repository, cluster, &id, Some(moment)).await,
        (Some(_), false) => asked::sound_instead(repository, cluster, &id, None).await,
    };
    Ok(Shown {
        id: id.to_string(),
        at: Some(point.begun),
        point: Some(point),
        verified,
        instead,
    })
}

async fn of_snapshot(world: &World, cluster: &Name, name: &str, how: &How) -> Result<Shown, Trouble> {
    let (found, opened) = adopted::opened(world, cluster, name, &how.place).await?;
    let at = found.snapshot.at;
    let directory = match &found.place {
        Place::Directory { path, .. } => Some(path.as_str()),
        Place::Bucket(_) => None,
    };
    let distribution = world.cluster(cluster)?.distribution();
    let lacks = lacks(&found.snapshot, Some(&opened.verified), distribution, directory);
    let lacks = lacks.iter().map(ToString::to_string).collect();
    let verified = verify_snapshot(opened, lacks, how).await?;
    Ok(Shown {
        id: name.to_owned(),
        point: None,
        at: Some(at),
        verified,
        instead: None,
    })
}

/// What to recover from instead.
pub fn next(cluster: &Name, instead: Option<&PointId>) -> String {
    match instead {
        Some(id) => format!("lifeboat restore etcd {cluster} --at {id} --to DIRECTORY: the newest sound one"),
        None => crate::gather::NONE_BEFORE.to_owned(),
    }
}

impl Shown {
    /// Why it cannot be recovered from as it is, or what of its set does not belong together.
    pub fn trouble(&self, cluster: &Name) -> Option<Trouble> {
        let damaged: Vec<_> = self.verified.damaged().collect();
        if let Some(first) = damaged.first() {
            let code = match first.test {
                Test::Files => "LB0306",
                Test::History | Test::Database => "LB0405",
                Test::Proof | Test::RecoverySet | Test::Etcd => "LB0409",
            };
            let mut trouble = Trouble::new(code, Kind::Damaged, format!("{} of {cluster} is not sound", self.id));
            trouble.causes = damaged.iter().map(|it| format!("{}: {}", it.test, it.text)).collect();
            return Some(trouble.hint(next(cluster, self.instead.as_ref())));
        }
        let incomplete = self.verified.incomplete()?;
        let message = format!("the recovery set of {} of {cluster} does not belong together", self.id);
        let mut trouble = Trouble::new("LB0005", Kind::Person, message);
        trouble.causes = incomplete.text.lines().skip(1).map(str::to_owned).collect();
        Some(trouble.hint(format!("lifeboat status {cluster}: whether that is so now")))
    }

    /// Whether anything that could not be tested is left.
    pub fn is_whole(&self) -> bool {
        self.verified.tests.iter().all(|it| it.outcome == Outcome::Shown)
    }
}

/// A directory that is kept is made for its owner alone, and holds nothing else.
fn vacant(keep: &Path) -> Result<(), Trouble> {
    if std::fs::read_dir(keep).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Trouble::occupied(keep));
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(keep);
    made.map_err(|reason| unwritable(keep, &reason))
}

fn unwritable(path: &Path, reason: &std::io::Error) -> Trouble {
    let message = format!("{} cannot be written: {reason}", path.display());
    Trouble::new("LB0308", Kind::Person, message).hint(format!("df -h {}", path.display()))
}
