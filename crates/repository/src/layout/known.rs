//! From a key to what it is of: the other direction. What has no meaning here is strange, and no part of the repository.

use super::{MARKER, PROBES, Scope, is_history_name, number, scope_of};
use estate::{Name, PointId};
use object_store::path::Path;

/// What an object is, by its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    Marker,
    Keyring(Scope, u64),
    Writers(u64),
    Kit(u64),
    Entry { run: u64, entry: u64 },
    Evidence(Scope, Name, u64),
    Lease(Scope, Name, u64),
    Manifest(Name, PointId),
    Part(Name, PointId, Name),
    Hold(Name, PointId, u64),
    History(Name, String),
    Files(Name, FilesKind),
    Probe,
}

/// The kinds of files of a restic repository, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FilesKind {
    Config,
    Keys,
    Data,
    Index,
    Snapshots,
    Locks,
}

impl FilesKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Config,
        Self::Keys,
        Self::Data,
        Self::Index,
        Self::Snapshots,
        Self::Locks,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Keys => "keys",
            Self::Data => "data",
            Self::Index => "index",
            Self::Snapshots => "snapshots",
            Self::Locks => "locks",
        }
    }
}

/// Where the files of one kind stand in a cluster's restic repository.
pub(crate) fn files_below(cluster: &Name, kind: FilesKind) -> Path {
    super::files(cluster).join(kind.name())
}

/// What the object under `key` is; `None` for a strange key.
pub(crate) fn known(key: &Path) -> Option<Known> {
    let parts: Vec<&str> = key.as_ref().split('/').collect();
    match *parts {
        [MARKER] => return Some(Known::Marker),
        [PROBES, _, _, ..] => return Some(Known::Probe),
        _ => {}
    }
    let scope = scope_of(key)?;
    let counted = || number(key).filter(|&it| it > 0);
    Some(match (scope, &parts[1..]) {
        (Scope::Shared, ["writers", _]) => Known::Writers(counted()?),
        (Scope::Shared, ["kit", _]) => Known::Kit(counted()?),
        (Scope::Shared, ["runs", run, _]) => Known::Entry { run: number(&Path::from(*run))?, entry: number(key)? },
        (scope @ Scope::Shared, ["keys", _]) | (scope, [_, "keys", _]) => Known::Keyring(scope, counted()?),
        (scope @ Scope::Shared, ["evidence", name, _]) | (scope, [_, "evidence", name, _]) => {
            Known::Evidence(scope, name.parse().ok()?, counted()?)
        }
        (scope @ Scope::Shared, ["leases", name, _]) | (scope, [_, "leases", name, _]) => {
            Known::Lease(scope, name.parse().ok()?, counted()?)
        }
        (Scope::Cluster(cluster), [_, rest @ ..]) => of_cluster(cluster, rest)?,
        _ => return None,
    })
}

fn of_cluster(cluster: Name, rest: &[&str]) -> Option<Known> {
    Some(match *rest {
        ["points", point] => Known::Manifest(cluster, point.parse().ok()?),
        ["parts", point, part] => Known::Part(cluster, point.parse().ok()?, part.parse().ok()?),
        ["holds", point, record] => {
            Known::Hold(cluster, point.parse().ok()?, number(&Path::from(record)).filter(|&it| it > 0)?)
        }
        ["history", object] => Known::History(cluster, is_history_name(object).then(|| object.to_owned())?),
        ["files", "config"] => Known::Files(cluster, FilesKind::Config),
        ["files", kind, _, ..] => {
            let kind = FilesKind::ALL.into_iter().find(|it| it.name() == kind)?;
            Known::Files(cluster, (kind != FilesKind::Config).then_some(kind)?)
        }
        _ => return None,
    })
}

/// How far the object of a history reaches, by its name (docs/history-format.md): its timeline and last revision. `None` where
/// the name does not say.
pub(crate) fn position(name: &str) -> Option<(u32, u64)> {
    let parts: Vec<&str> = name.split('-').collect();
    let timeline = parts.first()?.strip_prefix('t')?.parse().ok()?;
    match *parts.get(1..)? {
        ["base", revision, ..] => Some((timeline, revision.parse().ok()?)),
        ["seg", _, through, ..] => Some((timeline, through.parse().ok()?)),
        _ => None,
    }
}
